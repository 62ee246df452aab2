#include "tee/sgx/host/hardware.hpp"

#include <cerrno>

#include <sys/mman.h>

namespace authex::tee::sgx {
namespace {

/// Offsets in SECS.
namespace secs {
constexpr std::size_t size = 0;
constexpr std::size_t base = 8;
constexpr std::size_t frame_pages = 16;
constexpr std::size_t misc_select = 20;
constexpr std::size_t attributes = 48;
} // namespace secs

/// Pages go to the driver in pieces of this size.
constexpr std::size_t staged_pages = 16;
/// A call that adds nothing and was only interrupted is made again so often.
constexpr int tries_max = 1000;

struct alignas(64) Secinfo {
    std::uint8_t bytes[64]{};
};
struct alignas(page_bytes) AlignedPage {
    Page bytes{};
};
AlignedPage aligned_page;
struct alignas(page_bytes) Staging {
    std::uint8_t bytes[staged_pages * page_bytes]{};
};
Staging staging;

Refusal failed(int error, const char* what) {
    switch (error) {
    case EACCES:
        return {.code = "sgx-refused",
                .reason =
                    "the kernel refuses the enclave's rights: is the program on a file system "
                    "with noexec, or does it want provisioning keys?"};
    case EPERM:
        return {.code = "image-malformed",
                .reason = "the processor refuses the vendor's signature"};
    case ENOMEM:
        return {.code = "sgx-memory",
                .reason = "there is no room in the processor's enclave memory"};
    default:
        return {.code = "sgx-failed", .reason = what};
    }
}

int add_staged(Driver& driver, ByteView pages, std::uint64_t offset, const Secinfo& secinfo) {
    for (int idle = 0; !pages.empty() && idle < tries_max; ++idle) {
        std::uint64_t done = 0;
        const int error = driver.add(pages, offset, secinfo.bytes, done);
        if (done > pages.size() || done % page_bytes != 0) {
            return EIO;
        }
        if (error != 0 && error != EINTR && error != EAGAIN) {
            return error;
        }
        pages = pages.subspan(static_cast<std::size_t>(done));
        offset += done;
        idle = done == 0 ? idle : 0;
    }
    return pages.empty() ? 0 : EINTR;
}

int add_region(Driver& driver, const Region& region) {
    Secinfo secinfo;
    Writer(secinfo.bytes).u64(region.flags);
    const std::uint64_t count = region.bytes / page_bytes;
    for (std::uint64_t first = 0; first < count; first += staged_pages) {
        const std::uint64_t left = count - first;
        const std::size_t pages =
            left < staged_pages ? static_cast<std::size_t>(left) : staged_pages;
        for (std::size_t i = 0; i < pages; ++i) {
            Page page;
            fill_page(region, first + i, page);
            copy(page, Bytes(staging.bytes).subspan(i * page_bytes));
        }
        const int error = add_staged(driver,
                                     ByteView(staging.bytes).first(pages * page_bytes),
                                     region.offset + first * page_bytes,
                                     secinfo);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/// A TCS counts as memory that can be read and written.
int rights_of(const Region& region) {
    if (region.flags == secinfo::type_tcs) {
        return PROT_READ | PROT_WRITE;
    }
    return ((region.flags & secinfo::read) != 0 ? PROT_READ : 0) |
           ((region.flags & secinfo::write) != 0 ? PROT_WRITE : 0) |
           ((region.flags & secinfo::execute) != 0 ? PROT_EXEC : 0);
}

} // namespace

Page secs_of(const EnclavePlan& plan, const Sigstruct& fields) {
    Page page{};
    const auto put = [&](std::size_t at) { return Writer(Bytes(page).subspan(at)); };
    put(secs::size).u64(plan.size);
    put(secs::base).u64(enclave_base);
    put(secs::frame_pages).u32(ssa_frame_pages);
    put(secs::misc_select).u32(fields.misc_select);
    put(secs::attributes).u64(fields.attributes.flags).u64(fields.attributes.xfrm);
    return page;
}

Refusal build_enclave(Driver& driver, const EnclavePlan& plan, ByteView sigstruct) {
    Sigstruct fields;
    if (!parse_sigstruct(sigstruct, fields)) {
        return {.code = "image-malformed", .reason = "there is no signature of a vendor"};
    }
    if (const int error = driver.reserve(enclave_base, plan.size)) {
        return failed(error, "the enclave's place in memory is taken");
    }
    aligned_page.bytes = secs_of(plan, fields);
    if (const int error = driver.create(aligned_page.bytes.data())) {
        return failed(error, "the processor cannot create the enclave");
    }
    for (const Region& region : plan.all()) {
        if (const int error = add_region(driver, region)) {
            return failed(error, "a page cannot be added to the enclave");
        }
    }
    aligned_page.bytes.fill(0);
    copy(sigstruct, aligned_page.bytes);
    if (const int error = driver.initialise(aligned_page.bytes.data())) {
        return failed(error, "the enclave cannot be initialised");
    }
    for (const Region& region : plan.all()) {
        if (const int error =
                driver.map(enclave_base + region.offset, region.bytes, rights_of(region))) {
            return failed(error, "the enclave cannot be mapped");
        }
    }
    return {};
}

} // namespace authex::tee::sgx
