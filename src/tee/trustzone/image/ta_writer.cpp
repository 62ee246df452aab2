#include "tee/trustzone/image/ta_writer.hpp"

#include <elf.h>

#include <fmt/format.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t segments = 3; ///< code, constants, writable
constexpr std::uint64_t first_offset = page_bytes;

struct Placed {
    TaSegment segment;
    std::uint32_t flags = 0;
};

template <typename T>
void put(std::vector<std::uint8_t>& file, std::uint64_t offset, const T& value) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&value);
    copy({bytes, sizeof value}, Bytes(file).subspan(static_cast<std::size_t>(offset)));
}

Elf64_Phdr program_header(const Placed& placed) {
    return {.p_type = PT_LOAD,
            .p_flags = placed.flags,
            .p_offset = placed.segment.offset,
            .p_vaddr = placed.segment.address,
            .p_paddr = placed.segment.address,
            .p_filesz = placed.segment.file_bytes,
            .p_memsz = placed.segment.memory_bytes,
            .p_align = page_bytes};
}

Elf64_Ehdr elf_header(const TaPlan& plan, std::uint64_t end) {
    Elf64_Ehdr header{};
    header.e_ident[EI_MAG0] = ELFMAG0;
    header.e_ident[EI_MAG1] = ELFMAG1;
    header.e_ident[EI_MAG2] = ELFMAG2;
    header.e_ident[EI_MAG3] = ELFMAG3;
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = static_cast<std::uint16_t>(plan.machine);
    header.e_version = EV_CURRENT;
    header.e_entry = plan.entry;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_shoff = end; // of none: the loader wants it behind the first page
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = segments;
    header.e_shentsize = sizeof(Elf64_Shdr);
    return header;
}

tl::unexpected<Diagnostic> malformed(const std::string& why) {
    return failure("image-malformed", fmt::format("the linked program {}", why));
}

} // namespace

Expected<std::vector<std::uint8_t>> write_ta(ByteView program) {
    const TaPlan plan = plan_ta(program);
    if (plan.refusal != nullptr) {
        return malformed(plan.refusal);
    }
    if (plan.segment_count != segments || !plan.segments[0].executable ||
        plan.segments[1].writable || !plan.segments[2].writable ||
        plan.segments[2].file_bytes < reserved_bytes) {
        return malformed("does not have the segments code, constants, writable");
    }
    std::array<Placed, segments> placed = {Placed{plan.segments[0], PF_R | PF_X},
                                           Placed{plan.segments[1], PF_R},
                                           Placed{plan.segments[2], PF_R | PF_W}};
    TaSegment& constants = placed[1].segment;
    TaSegment& writable = placed[2].segment;
    const ByteView initial =
        program.subspan(static_cast<std::size_t>(writable.offset + reserved_bytes),
                        static_cast<std::size_t>(writable.file_bytes - reserved_bytes));
    const std::uint64_t constants_bytes = constants.file_bytes;
    constants.file_bytes += initial.size();
    constants.memory_bytes = constants.file_bytes;
    if (constants.address + constants.memory_bytes > writable.address) {
        return malformed("has no room for its initial values");
    }
    writable.file_bytes = reserved_bytes;
    std::uint64_t end = first_offset;
    for (Placed& one : placed) {
        one.segment.offset = (end + page_bytes - 1) / page_bytes * page_bytes;
        end = one.segment.offset + one.segment.file_bytes;
    }
    std::vector<std::uint8_t> file(static_cast<std::size_t>(end));
    put(file, 0, elf_header(plan, end));
    for (std::size_t i = 0; i < segments; ++i) {
        put(file, sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr), program_header(placed[i]));
    }
    const auto bring = [&](const TaSegment& from, const TaSegment& to, std::uint64_t bytes) {
        copy(
            program.subspan(static_cast<std::size_t>(from.offset), static_cast<std::size_t>(bytes)),
            Bytes(file).subspan(static_cast<std::size_t>(to.offset)));
    };
    bring(plan.segments[0], placed[0].segment, plan.segments[0].file_bytes);
    bring(plan.segments[1], constants, constants_bytes);
    copy(initial,
         Bytes(file).subspan(static_cast<std::size_t>(constants.offset + constants_bytes)));
    return file;
}

} // namespace authex::tee::trustzone
