#include <algorithm>
#include <cstring>
#include <gelf.h>
#include <libelf.h>
#include <memory>

#include <fmt/format.h>

#include "sancus_emulator/loader_formats.hpp"

namespace authex::sancus_emulator {
namespace {

struct ElfCloser {
    void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfPointer = std::unique_ptr<Elf, ElfCloser>;

tl::unexpected<Diagnostic> malformed(const std::string& file, const std::string& why) {
    return failure("elf-malformed",
                   fmt::format("{}: {}", file, why),
                   "the file is damaged or cut short: link it again");
}

Expected<GElf_Ehdr> read_header(Elf* elf, const std::string& file) {
    GElf_Ehdr header;
    if (elf == nullptr || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == nullptr) {
        return malformed(file, "this is no whole ELF file");
    }
    if (gelf_getclass(elf) != ELFCLASS32 || header.e_machine != EM_MSP430 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB) {
        return failure("elf-machine",
                       file + " is a program for another machine",
                       "give one for MSP430 (32-bit ELF, machine 105)");
    }
    if (header.e_type != ET_EXEC) {
        return failure(
            "elf-relocatable", file + " is not linked yet", "link it with the script of the board");
    }
    return header;
}

/// Parts of the file that sections occupy: a linker may let the first segment begin with the
/// headers of the file, which are no part of the program.
struct Extent {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
};

std::vector<Extent> loaded_extents(Elf* elf) {
    std::vector<Extent> extents;
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
         section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) != nullptr && (header.sh_flags & SHF_ALLOC) != 0 &&
            header.sh_type != SHT_NOBITS && header.sh_size != 0) {
            extents.push_back({header.sh_offset, header.sh_offset + header.sh_size});
        }
    }
    return extents;
}

Expected<bool> add_segment(ByteView content,
                           const GElf_Phdr& program,
                           Extent part,
                           const std::string& file,
                           Firmware& firmware) {
    part.start = std::max<std::uint64_t>(part.start, program.p_offset);
    part.end = std::min<std::uint64_t>(part.end, program.p_offset + program.p_filesz);
    if (part.start >= part.end) {
        return true;
    }
    if (part.end > content.size()) {
        return malformed(file, "a segment reaches beyond the end of the file");
    }
    const std::uint64_t address = program.p_paddr + (part.start - program.p_offset);
    const std::uint64_t bytes = part.end - part.start;
    if (address + bytes > address_space) {
        return malformed(
            file, fmt::format("a segment of {} bytes at 0x{:x} is above 0xffff", bytes, address));
    }
    const ByteView view = content.subspan(part.start, bytes);
    firmware.segments.push_back(
        {static_cast<std::uint16_t>(address), std::vector<std::uint8_t>(view.begin(), view.end())});
    return true;
}

Expected<bool>
read_segments(Elf* elf, ByteView content, const std::string& file, Firmware& firmware) {
    std::size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0) {
        return malformed(file, "its program headers cannot be read");
    }
    constexpr std::size_t count_max = 256;
    if (count > count_max) {
        return malformed(file, "it has too many program headers");
    }
    const std::vector<Extent> extents = loaded_extents(elf);
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Phdr program;
        if (gelf_getphdr(elf, static_cast<int>(i), &program) == nullptr) {
            return malformed(file, "its program headers cannot be read");
        }
        if (program.p_type != PT_LOAD || program.p_filesz == 0) {
            continue;
        }
        const Extent whole = {program.p_offset, program.p_offset + program.p_filesz};
        for (const Extent& extent : extents.empty() ? std::vector{whole} : extents) {
            if (auto added = add_segment(content, program, extent, file, firmware); !added) {
                return added;
            }
            constexpr std::size_t segments_max = 1024;
            if (firmware.segments.size() > segments_max) {
                return malformed(file, "it has too many segments");
            }
        }
    }
    return true;
}

/// Without sections, absolute numbers and what is defined elsewhere.
std::vector<Symbol> read_symbols(Elf* elf) {
    std::vector<Symbol> symbols;
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
         section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        Elf_Data* data = nullptr;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB ||
            (data = elf_getdata(section, nullptr)) == nullptr) {
            continue;
        }
        GElf_Sym symbol;
        for (int i = 1; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
            const auto type = GELF_ST_TYPE(symbol.st_info);
            const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (name == nullptr || *name == '\0') {
                continue;
            }
            const bool defined = symbol.st_shndx == SHN_ABS ? is_enclave_bound(name)
                                                            : symbol.st_shndx != SHN_UNDEF &&
                                                                  symbol.st_shndx < SHN_LORESERVE;
            if (defined && symbol.st_value < address_space &&
                (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE)) {
                symbols.push_back(
                    {name,
                     static_cast<std::uint16_t>(symbol.st_value),
                     static_cast<std::uint16_t>(std::min<std::uint64_t>(symbol.st_size, 0xFFFF))});
            }
        }
    }
    return symbols;
}

} // namespace

Expected<Firmware> read_elf(ByteView content, const std::string& file) {
    elf_version(EV_CURRENT);
    // The library takes bytes that it may write to.
    std::vector<char> image(content.size());
    std::memcpy(image.data(), content.data(), content.size());
    const ElfPointer elf(elf_memory(image.data(), image.size()));
    const auto header = read_header(elf.get(), file);
    if (!header) {
        return tl::unexpected(header.error());
    }
    Firmware firmware;
    if (const auto read = read_segments(elf.get(), content, file, firmware); !read) {
        return tl::unexpected(read.error());
    }
    firmware.entry = static_cast<std::uint16_t>(header->e_entry);
    firmware.symbols = Symbols(read_symbols(elf.get()));
    return firmware;
}

} // namespace authex::sancus_emulator
