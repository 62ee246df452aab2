#include "tee/trustzone/image/ta_elf.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>

#include <bearssl/bearssl_hash.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t program_header_bytes = 56;
constexpr std::size_t section_header_bytes = 64;
constexpr std::uint32_t flags_known = (1U << 14U) - 1; ///< user_ta_header.h, TA_FLAGS_MASK
constexpr std::uint32_t flag_concurrent = 1U << 8U;

constexpr std::uint64_t page_begin(std::uint64_t address) {
    return address / page_bytes * page_bytes;
}
constexpr std::uint64_t page_end(std::uint64_t address) {
    return page_begin(address + page_bytes - 1);
}

struct Header {
    const char* refusal = nullptr;
    std::uint64_t program_headers = 0; ///< offset
    std::uint16_t program_header_count = 0;
};

Header read_header(ByteView elf, TaPlan& plan) {
    Reader reader(elf);
    const ByteView ident = reader.take(EI_NIDENT);
    const std::uint16_t type = reader.u16();
    const std::uint16_t machine = reader.u16();
    const std::uint32_t version = reader.u32();
    plan.entry = reader.u64();
    Header header;
    header.program_headers = reader.u64();
    const std::uint64_t sections = reader.u64();
    const std::uint32_t flags = reader.u32();
    reader.u16(); // of this header: nobody looks
    const std::uint16_t program_header_size = reader.u16();
    header.program_header_count = reader.u16();
    const std::uint16_t section_header_size = reader.u16();
    plan.has_sections = reader.u16() != 0;
    plan.machine = static_cast<Machine>(machine);
    if (!reader.ok() || elf.size() < page_bytes ||
        std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
        header.refusal = "not an ELF file";
    } else if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
               ident[EI_VERSION] != EV_CURRENT || version != EV_CURRENT ||
               ident[EI_OSABI] != ELFOSABI_NONE || flags != 0 ||
               (plan.machine != Machine::aarch64 && plan.machine != Machine::x86_64)) {
        header.refusal = "for no processor that is known";
    } else if (type != ET_DYN) {
        header.refusal = "bound to one place in memory";
    } else if (program_header_size != program_header_bytes ||
               section_header_size != section_header_bytes) {
        header.refusal = "header sizes of another format";
    } else if (header.program_headers > page_bytes ||
               header.program_header_count * program_header_bytes >
                   page_bytes - header.program_headers) {
        header.refusal = "program headers outside the first page";
    } else if (sections < page_bytes) {
        header.refusal = "section headers inside the first page";
    }
    return header;
}

/// What is wrong with a loadable segment, in the light of those before it; null: nothing.
const char*
fault_of(const TaSegment& segment, std::uint64_t alignment, const TaPlan& plan, ByteView elf) {
    if (segment.file_bytes > segment.memory_bytes || segment.memory_bytes == 0) {
        return "a segment is larger in the file than in memory, or empty";
    }
    if (segment.offset > elf.size() || segment.file_bytes > elf.size() - segment.offset) {
        return "a segment lies outside the file";
    }
    if (segment.address > ta_memory_max || segment.memory_bytes > ta_memory_max) {
        return "needs too much memory";
    }
    if (alignment != page_bytes || segment.offset % page_bytes != segment.address % page_bytes) {
        return "a segment is not aligned to pages";
    }
    if (segment.writable && segment.executable) {
        return "a segment is writable and executable";
    }
    if (!segment.writable && segment.file_bytes != segment.memory_bytes) {
        return "a segment that cannot be written is larger in memory than in the file";
    }
    if (plan.segment_count == ta_segments_max) {
        return "too many segments";
    }
    if (plan.segment_count == 0) {
        return segment.address != 0          ? "does not begin at 0"
               : segment.offset < page_bytes ? "its headers lie in a segment"
                                             : nullptr;
    }
    const TaSegment& before = plan.segments[plan.segment_count - 1];
    return page_begin(segment.address) < before.address + before.memory_bytes ||
                   segment.offset < before.offset + before.file_bytes
               ? "segments overlap, share a page or are out of order"
               : nullptr;
}

const char* add(ByteView bytes, TaPlan& plan, ByteView elf) {
    Reader reader(bytes);
    const std::uint32_t type = reader.u32();
    const std::uint32_t flags = reader.u32();
    TaSegment segment;
    segment.offset = reader.u64();
    segment.address = reader.u64();
    reader.u64(); // physical address
    segment.file_bytes = reader.u64();
    segment.memory_bytes = reader.u64();
    const std::uint64_t alignment = reader.u64();
    segment.writable = (flags & PF_W) != 0;
    segment.executable = (flags & PF_X) != 0;
    if (type != PT_LOAD) {
        return nullptr;
    }
    if ((flags & PF_R) == 0) {
        return "a segment cannot be read";
    }
    if (const char* fault = fault_of(segment, alignment, plan, elf)) {
        return fault;
    }
    plan.bytes = page_end(segment.address + segment.memory_bytes);
    plan.segments[plan.segment_count++] = segment;
    return nullptr;
}

/// The TA's own header, first in the first segment.
const char* read_head(ByteView elf, TaPlan& plan) {
    if (plan.segment_count == 0 || plan.segments[0].file_bytes < sizeof plan.head) {
        return "has no segments, or no head";
    }
    std::memcpy(&plan.head,
                elf.data() + static_cast<std::size_t>(plan.segments[0].offset),
                sizeof plan.head);
    if (plan.head.stack_bytes == 0 || plan.head.stack_bytes % 16 != 0) {
        return "asks for a stack of an impossible size";
    }
    if ((plan.head.flags & ~flags_known) != 0 || (plan.head.flags & flag_concurrent) != 0) {
        return "has flags that no TA may have";
    }
    return plan.head.entry == optee::entry_in_elf_header ? nullptr : "is of an OP-TEE before 3.7";
}

bool enters_code(const TaPlan& plan) {
    return std::any_of(plan.all().begin(), plan.all().end(), [&](const TaSegment& segment) {
        return segment.executable && plan.entry >= segment.address &&
               plan.entry - segment.address < segment.file_bytes;
    });
}

std::uint8_t byte_at(ReadOnly region, std::size_t index) {
    return index < region.size() ? region[index] : std::uint8_t{0};
}

/// As they lie in memory.
bool comes_first(ReadOnly left, ReadOnly right) {
    const std::uint64_t left_bytes = page_end(left.size());
    const std::uint64_t right_bytes = page_end(right.size());
    if (left_bytes != right_bytes) {
        return left_bytes < right_bytes;
    }
    for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
        if (byte_at(left, i) != byte_at(right, i)) {
            return byte_at(left, i) < byte_at(right, i);
        }
    }
    return false;
}

} // namespace

TaPlan plan_ta(ByteView elf) {
    TaPlan plan;
    const Header header = read_header(elf, plan);
    plan.refusal = elf.size() > ta_bytes_max ? "larger than any TA" : header.refusal;
    for (std::size_t i = 0; i < header.program_header_count && plan.refusal == nullptr; ++i) {
        plan.refusal = add(
            elf.subspan(static_cast<std::size_t>(header.program_headers) + i * program_header_bytes,
                        program_header_bytes),
            plan,
            elf);
    }
    if (plan.refusal == nullptr) {
        plan.refusal = read_head(elf, plan);
    }
    if (plan.refusal == nullptr && !enters_code(plan)) {
        plan.refusal = "its entry is not in its code";
    }
    return plan;
}

MemoryHash hash_regions(std::span<ReadOnly> regions) {
    std::sort(regions.begin(), regions.end(), comes_first);
    br_sha256_context context;
    br_sha256_init(&context);
    for (const ReadOnly region : regions) {
        static constexpr std::array<std::uint8_t, page_bytes> zeros{};
        br_sha256_update(&context, region.data(), region.size());
        br_sha256_update(&context,
                         zeros.data(),
                         static_cast<std::size_t>(page_end(region.size()) - region.size()));
    }
    MemoryHash hash{};
    br_sha256_out(&context, hash.data());
    return hash;
}

MemoryHash memory_hash(ByteView elf, const TaPlan& plan) {
    std::array<ReadOnly, ta_segments_max + 1> regions{};
    std::size_t count = 0;
    regions[count++] = elf.first(page_bytes);
    for (const TaSegment& segment : plan.all()) {
        if (!segment.writable) {
            regions[count++] = elf.subspan(static_cast<std::size_t>(segment.offset),
                                           static_cast<std::size_t>(segment.file_bytes));
        }
    }
    return hash_regions(std::span(regions).first(count));
}

} // namespace authex::tee::trustzone
