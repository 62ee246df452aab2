#include "tee/sancus/linked_elf.hpp"

#include <gelf.h>
#include <libelf.h>
#include <memory>

#include <fmt/format.h>

#include "tee/compile/compiler.hpp"

namespace authex::tee::sancus {
namespace {

void read_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, LinkedElf& linked) {
    Elf_Data* data = elf_getdata(section, nullptr);
    for (int i = 0; data != nullptr && header.sh_entsize != 0 &&
                    static_cast<std::uint64_t>(i) < header.sh_size / header.sh_entsize;
         ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, i, &symbol) == nullptr) {
            continue;
        }
        const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
        if (name == nullptr) {
            continue;
        }
        if (GELF_ST_TYPE(symbol.st_info) == STT_OBJECT) {
            linked.objects.push_back({.symbol = name,
                                      .address = static_cast<std::uint32_t>(symbol.st_value),
                                      .bytes = static_cast<std::uint32_t>(symbol.st_size)});
        }
        if (GELF_ST_BIND(symbol.st_info) != STB_LOCAL) {
            linked.symbols.emplace(name, static_cast<std::uint32_t>(symbol.st_value));
        }
    }
}

} // namespace

Expected<LinkedElf> read_linked_elf(const std::filesystem::path& path) {
    Expected<std::string> file = compile::read_file(path);
    if (!file) {
        return tl::make_unexpected(file.error());
    }
    elf_version(EV_CURRENT);
    const std::unique_ptr<Elf, int (*)(Elf*)> elf(elf_memory(file->data(), file->size()), elf_end);
    std::size_t names = 0;
    if (elf == nullptr || gelf_getclass(elf.get()) != ELFCLASS32 ||
        elf_getshdrstrndx(elf.get(), &names) != 0) {
        return failure("image-malformed",
                       fmt::format("{}: not a 32-bit ELF file", path.string()),
                       "is ld.lld-14 LLVM's linker of version 14?");
    }
    LinkedElf linked;
    for (Elf_Scn* section = elf_nextscn(elf.get(), nullptr); section != nullptr;
         section = elf_nextscn(elf.get(), section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr) {
            continue;
        }
        const char* name = elf_strptr(elf.get(), names, header.sh_name);
        const Elf_Data* data = elf_getdata(section, nullptr);
        if (header.sh_type == SHT_SYMTAB) {
            read_symbols(elf.get(), section, header, linked);
        } else if (header.sh_type == SHT_PROGBITS && name != nullptr && data != nullptr &&
                   data->d_buf != nullptr) {
            const auto* bytes = static_cast<const std::uint8_t*>(data->d_buf);
            linked.sections[name].assign(bytes, bytes + data->d_size);
        }
    }
    return linked;
}

} // namespace authex::tee::sancus
