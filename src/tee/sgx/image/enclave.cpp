#include "tee/sgx/image/enclave.hpp"

#include <algorithm>
#include <bit>

#include <bearssl/bearssl_hash.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t chunk_bytes = 256; ///< of one EEXTEND
constexpr std::size_t record_bytes = 64;

constexpr std::uint64_t page_begin(std::uint64_t address) {
    return address / page_bytes * page_bytes;
}
constexpr std::uint64_t page_end(std::uint64_t address) {
    return page_begin(address + page_bytes - 1);
}

void add(EnclavePlan& plan, const Region& region) {
    plan.regions[plan.region_count++] = region;
}

std::uint64_t flags_of(const native::Segment& segment) {
    return secinfo::type_regular | secinfo::read | (segment.writable ? secinfo::write : 0) |
           (segment.executable ? secinfo::execute : 0);
}

void write_tcs(EnclavePlan& plan, std::uint64_t state_area) {
    const auto put = [&](std::size_t at) { return Writer(Bytes(plan.tcs).subspan(at)); };
    put(tcs::state_area).u64(state_area);
    put(tcs::state_areas).u32(ssa_frames);
    put(tcs::entry).u64(plan.entry_offset);
    put(tcs::fs_limit).u32(0xFFFFFFFF);
    put(tcs::gs_limit).u32(0xFFFFFFFF);
}

void record(const EnclaveStream& take,
            const char (&name)[9],
            std::uint64_t offset,
            std::uint64_t flags) {
    std::array<std::uint8_t, record_bytes> bytes{};
    Writer(bytes).bytes({reinterpret_cast<const std::uint8_t*>(name), 8}).u64(offset).u64(flags);
    take(bytes);
}

} // namespace

void plan_enclave(ByteView program, std::uint64_t stack_bytes, EnclavePlan& plan) {
    const native::ImagePlan image = native::plan_image(program);
    plan.refusal = image.refusal;
    if (plan.refusal == nullptr && image.begin != enclave_base) {
        plan.refusal = "does not begin where enclaves do";
    }
    if (plan.refusal == nullptr && (stack_bytes == 0 || stack_bytes % page_bytes != 0 ||
                                    stack_bytes > enclave_bytes_max / 2)) {
        plan.refusal = "asks for a stack of an impossible size";
    }
    if (plan.refusal != nullptr) {
        return;
    }
    for (std::size_t i = 0; i < image.segment_count; ++i) {
        const native::Segment& segment = image.segments[i];
        const std::uint64_t begin = page_begin(segment.address);
        add(plan,
            {.offset = begin - enclave_base,
             .bytes = page_end(segment.address + segment.memory_bytes) - begin,
             .flags = flags_of(segment),
             .skipped = segment.address - begin,
             .content = program.subspan(static_cast<std::size_t>(segment.offset),
                                        static_cast<std::size_t>(segment.file_bytes))});
    }
    const std::uint64_t stack = image.end - enclave_base + page_bytes;
    plan.tcs_offset = stack + stack_bytes + page_bytes;
    plan.entry_offset = image.entry - enclave_base;
    const std::uint64_t state_area = plan.tcs_offset + page_bytes;
    const std::uint64_t end = state_area + std::uint64_t{ssa_frames} * ssa_frame_pages * page_bytes;
    plan.size = std::bit_ceil(end);
    if (plan.size > enclave_bytes_max) {
        plan.refusal = "needs too much memory";
        return;
    }
    constexpr std::uint64_t data = secinfo::type_regular | secinfo::read | secinfo::write;
    write_tcs(plan, state_area);
    add(plan, {.offset = stack, .bytes = stack_bytes, .flags = data, .content = {}});
    add(plan,
        {.offset = plan.tcs_offset,
         .bytes = page_bytes,
         .flags = secinfo::type_tcs,
         .content = plan.tcs});
    add(plan, {.offset = state_area, .bytes = end - state_area, .flags = data, .content = {}});
}

void fill_page(const Region& region, std::uint64_t page, Page& into) {
    into.fill(0);
    const std::uint64_t begin = page * page_bytes;
    const std::uint64_t end = begin + page_bytes;
    const std::uint64_t first = std::max(begin, region.skipped);
    const std::uint64_t last = std::min(end, region.skipped + region.content.size());
    if (first < last) {
        copy(region.content.subspan(static_cast<std::size_t>(first - region.skipped),
                                    static_cast<std::size_t>(last - first)),
             Bytes(into).subspan(static_cast<std::size_t>(first - begin)));
    }
}

void stream(const EnclavePlan& plan, const EnclaveStream& take) {
    std::array<std::uint8_t, record_bytes> create{};
    constexpr char name[9] = "ECREATE\0";
    Writer(create)
        .bytes({reinterpret_cast<const std::uint8_t*>(name), 8})
        .u32(ssa_frame_pages)
        .u64(plan.size);
    take(create);
    Page page;
    for (const Region& region : plan.all()) {
        for (std::uint64_t i = 0; i < region.bytes / page_bytes; ++i) {
            const std::uint64_t offset = region.offset + i * page_bytes;
            fill_page(region, i, page);
            record(take, "EADD\0\0\0\0", offset, region.flags);
            for (std::size_t at = 0; at < page_bytes; at += chunk_bytes) {
                record(take, "EEXTEND\0", offset + at, 0);
                take(ByteView(page).subspan(at, chunk_bytes));
            }
        }
    }
}

Measurement measure(const EnclavePlan& plan) {
    br_sha256_context context;
    br_sha256_init(&context);
    stream(plan,
           {.function =
                [](void* hash, ByteView bytes) {
                    br_sha256_update(
                        static_cast<br_sha256_context*>(hash), bytes.data(), bytes.size());
                },
            .object = &context});
    Measurement hash{};
    br_sha256_out(&context, hash.data());
    return hash;
}

} // namespace authex::tee::sgx
