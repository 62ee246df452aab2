#include "tee/native/host/image.hpp"

#include <cstring>
#include <elf.h>

#include <sys/mman.h>

namespace authex::tee::native {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::size_t elf_header_bytes = 64;
constexpr std::size_t program_header_bytes = 56;

constexpr std::uint64_t page_begin(std::uint64_t address) {
    return address & ~(page - 1);
}
constexpr std::uint64_t page_end(std::uint64_t address) {
    return (address + page - 1) & ~(page - 1);
}

struct ElfHeader {
    std::uint64_t entry = 0;
    std::uint64_t program_headers = 0; ///< offset
    std::uint16_t program_header_count = 0;
    const char* refusal = nullptr;
};

ElfHeader read_elf_header(ByteView file) {
    Reader reader(file);
    const ByteView ident = reader.take(EI_NIDENT);
    const std::uint16_t type = reader.u16();
    const std::uint16_t machine = reader.u16();
    const std::uint32_t version = reader.u32();
    ElfHeader header;
    header.entry = reader.u64();
    header.program_headers = reader.u64();
    reader.u64(); // section headers: not for the loader
    const std::uint32_t flags = reader.u32();
    const std::uint16_t header_size = reader.u16();
    const std::uint16_t program_header_size = reader.u16();
    header.program_header_count = reader.u16();
    reader.take(6); // of section headers
    if (!reader.ok() || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
        header.refusal = "not an ELF file";
    } else if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
               ident[EI_VERSION] != EV_CURRENT || version != EV_CURRENT || machine != EM_X86_64 ||
               flags != 0) {
        header.refusal = "not for x86-64";
    } else if (type != ET_EXEC) {
        header.refusal = "not a program at a fixed place";
    } else if (header_size != elf_header_bytes || program_header_size != program_header_bytes) {
        header.refusal = "header sizes of another format";
    } else if (header.program_header_count == 0 ||
               header.program_header_count > program_headers_max) {
        header.refusal = "no or too many program headers";
    } else if (header.program_headers > file.size() ||
               header.program_header_count * program_header_bytes >
                   file.size() - header.program_headers) {
        header.refusal = "program headers outside the file";
    }
    return header;
}

struct ProgramHeader {
    std::uint32_t type = 0;
    std::uint32_t flags = 0;
    Segment segment;
};

ProgramHeader read_program_header(ByteView bytes) {
    Reader reader(bytes);
    ProgramHeader header;
    header.type = reader.u32();
    header.flags = reader.u32();
    header.segment.offset = reader.u64();
    header.segment.address = reader.u64();
    reader.u64(); // physical address
    header.segment.file_bytes = reader.u64();
    header.segment.memory_bytes = reader.u64();
    header.segment.writable = (header.flags & PF_W) != 0;
    header.segment.executable = (header.flags & PF_X) != 0;
    return header;
}

/// What is wrong with a loadable segment, in the light of those before it; null: nothing.
const char* fault_of(const Segment& segment, const ImagePlan& plan, ByteView file) {
    if (segment.file_bytes > segment.memory_bytes) {
        return "a segment is larger in the file than in memory";
    }
    if (segment.offset > file.size() || segment.file_bytes > file.size() - segment.offset) {
        return "a segment lies outside the file";
    }
    if (segment.address < image_window_begin || segment.address > image_window_end ||
        segment.memory_bytes > image_window_end - segment.address) {
        return "a segment lies outside the addresses of images";
    }
    if (segment.writable && segment.executable) {
        return "a segment is writable and executable";
    }
    if (plan.segment_count == segments_max) {
        return "too many segments";
    }
    if (plan.segment_count != 0 && page_begin(segment.address) < plan.end) {
        return "segments overlap, share a page or are out of order";
    }
    return nullptr;
}

/// What a header other than that of a loadable segment means; null: nothing that matters.
const char* fault_of_kind(const ProgramHeader& header) {
    switch (header.type) {
    case PT_NULL:
    case PT_NOTE:
    case PT_PHDR:
    case PT_GNU_RELRO:
    case PT_GNU_PROPERTY:
        return nullptr;
    case PT_GNU_STACK:
        return header.segment.executable ? "asks for an executable stack" : nullptr;
    case PT_INTERP:
    case PT_DYNAMIC:
        return "needs a dynamic loader";
    case PT_TLS:
        return "has thread-local storage";
    default:
        return "has a program header of an unknown kind";
    }
}

const char* add(const ProgramHeader& header, ImagePlan& plan, ByteView file) {
    if (header.type != PT_LOAD) {
        return fault_of_kind(header);
    }
    const Segment& segment = header.segment;
    if (segment.memory_bytes == 0) {
        return nullptr;
    }
    if (const char* fault = fault_of(segment, plan, file)) {
        return fault;
    }
    if (plan.segment_count == 0) {
        plan.begin = page_begin(segment.address);
    }
    plan.end = page_end(segment.address + segment.memory_bytes);
    plan.segments[plan.segment_count++] = segment;
    return nullptr;
}

bool enters_code(const ImagePlan& plan) {
    for (std::size_t i = 0; i < plan.segment_count; ++i) {
        const Segment& segment = plan.segments[i];
        if (segment.executable && plan.entry >= segment.address &&
            plan.entry - segment.address < segment.file_bytes) {
            return true;
        }
    }
    return false;
}

} // namespace

ImagePlan plan_image(ByteView file) {
    ImagePlan plan;
    const ElfHeader header = read_elf_header(file);
    plan.refusal = header.refusal;
    plan.entry = header.entry;
    for (std::size_t i = 0; i < header.program_header_count && plan.refusal == nullptr; ++i) {
        const ByteView bytes = file.subspan(static_cast<std::size_t>(header.program_headers) +
                                                i * program_header_bytes,
                                            program_header_bytes);
        plan.refusal = add(read_program_header(bytes), plan, file);
    }
    if (plan.refusal == nullptr && plan.end - plan.begin > image_memory_max) {
        plan.refusal = "needs too much memory";
    }
    if (plan.refusal == nullptr && !enters_code(plan)) {
        plan.refusal = "its entry is not in its code";
    }
    return plan;
}

bool place_image(ByteView file, const ImagePlan& plan) {
    const auto pointer = [](std::uint64_t address) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): an ELF file says addresses as numbers
        return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
    };
    const std::uint64_t guarded = plan.begin - page;
    void* const reserved = ::mmap(pointer(guarded),
                                  plan.end + page - guarded,
                                  PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                                  -1,
                                  0);
    if (reserved != pointer(guarded)) {
        return false;
    }
    for (std::size_t i = 0; i < plan.segment_count; ++i) {
        const Segment& segment = plan.segments[i];
        const std::uint64_t begin = page_begin(segment.address);
        const std::uint64_t bytes = page_end(segment.address + segment.memory_bytes) - begin;
        if (::mprotect(pointer(begin), bytes, PROT_READ | PROT_WRITE) != 0) {
            return false;
        }
        std::memcpy(pointer(segment.address),
                    file.data() + segment.offset,
                    static_cast<std::size_t>(segment.file_bytes));
        const int rights =
            PROT_READ | (segment.writable ? PROT_WRITE : 0) | (segment.executable ? PROT_EXEC : 0);
        if (::mprotect(pointer(begin), bytes, rights) != 0) {
            return false;
        }
    }
    return true;
}

} // namespace authex::tee::native
