#pragma once
// A small ELF file for MSP430, made in the test so that each of its fields can be wrong.
// Source: System V ABI, chapters 4 and 5.

#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace authex::sancus_emulator::test {

/// Headers, one segment that begins with them as ld lays it out, one section of code, symbols.
struct ElfFile {
    Elf32_Ehdr header{};
    Elf32_Phdr segment{};
    std::vector<Elf32_Shdr> sections;
    std::vector<std::uint8_t> code = {0x32, 0xD0, 0x10, 0x00, 0xFF, 0x3F};
    std::vector<Elf32_Sym> symbols = std::vector<Elf32_Sym>(1);
    std::string names = std::string(1, '\0');

    static constexpr std::uint32_t code_at = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);

    explicit ElfFile(std::uint16_t address = 0x5C00) {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_MSP430;
        header.e_version = EV_CURRENT;
        header.e_entry = address;
        header.e_phoff = sizeof header;
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof segment;
        header.e_phnum = 1;
        header.e_shentsize = sizeof(Elf32_Shdr);
        segment.p_type = PT_LOAD;
        segment.p_vaddr = address - code_at;
        segment.p_paddr = address - code_at;
        segment.p_filesz = code_at + static_cast<std::uint32_t>(code.size());
        segment.p_memsz = segment.p_filesz;
        Elf32_Shdr text{};
        text.sh_type = SHT_PROGBITS;
        text.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
        text.sh_addr = address;
        text.sh_offset = code_at;
        text.sh_size = static_cast<std::uint32_t>(code.size());
        sections = {Elf32_Shdr{}, text};
    }

    void add_symbol(const std::string& name,
                    std::uint32_t value,
                    std::uint32_t size = 0,
                    unsigned type = STT_FUNC,
                    std::uint16_t section = 1) {
        Elf32_Sym symbol{};
        symbol.st_name = static_cast<std::uint32_t>(names.size());
        symbol.st_value = value;
        symbol.st_size = size;
        symbol.st_info = static_cast<unsigned char>(ELF32_ST_INFO(STB_GLOBAL, type));
        symbol.st_shndx = section;
        symbols.push_back(symbol);
        names += name + '\0';
    }

    [[nodiscard]] std::vector<std::uint8_t> bytes(bool with_sections = true) const {
        std::vector<std::uint8_t> file(code_at);
        ElfFile copy = *this;
        file.insert(file.end(), code.begin(), code.end());
        const auto add = [&file](const void* data, std::size_t size) {
            file.resize((file.size() + 3) & ~std::size_t{3});
            const auto at = static_cast<std::uint32_t>(file.size());
            const auto* first = static_cast<const std::uint8_t*>(data);
            file.insert(file.end(), first, first + size);
            return at;
        };
        if (with_sections) {
            Elf32_Shdr table{};
            table.sh_type = SHT_SYMTAB;
            table.sh_offset = add(symbols.data(), symbols.size() * sizeof(Elf32_Sym));
            table.sh_size = static_cast<std::uint32_t>(symbols.size() * sizeof(Elf32_Sym));
            table.sh_entsize = sizeof(Elf32_Sym);
            table.sh_link = static_cast<std::uint32_t>(sections.size() + 1);
            Elf32_Shdr text{};
            text.sh_type = SHT_STRTAB;
            text.sh_offset = add(names.data(), names.size());
            text.sh_size = static_cast<std::uint32_t>(names.size());
            copy.sections.push_back(table);
            copy.sections.push_back(text);
            copy.header.e_shnum = static_cast<std::uint16_t>(copy.sections.size());
            copy.header.e_shstrndx = static_cast<std::uint16_t>(copy.sections.size() - 1);
            copy.header.e_shoff =
                add(copy.sections.data(), copy.sections.size() * sizeof(Elf32_Shdr));
        }
        std::memcpy(file.data(), &copy.header, sizeof copy.header);
        std::memcpy(file.data() + sizeof copy.header, &segment, sizeof segment);
        return file;
    }
};

} // namespace authex::sancus_emulator::test
