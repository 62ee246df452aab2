#include "tee/sgx/host/vdso.hpp"

#include <cstring>
#include <elf.h>
#include <optional>

#include <sys/auxv.h>

namespace authex::tee::sgx {
namespace {

constexpr const char* wanted_version = "LINUX_2.6";
/// More than any kernel's vDSO has.
constexpr std::size_t vdso_bytes_max = std::size_t{64} * 1024;

/// A copy of what lies at an offset; nothing where it lies outside.
template <typename T>
std::optional<T> at(ByteView image, std::uint64_t offset) {
    if (offset > image.size() || image.size() - offset < sizeof(T)) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, image.data() + offset, sizeof value);
    return value;
}

bool equals(ByteView image, std::uint64_t offset, const char* text) {
    const std::size_t bytes = std::strlen(text) + 1;
    return offset <= image.size() && image.size() - offset >= bytes &&
           std::memcmp(image.data() + offset, text, bytes) == 0;
}

/// Where the parts lie, as offsets: the vDSO is linked to 0.
struct Tables {
    std::uint64_t symbols = 0;
    std::uint64_t strings = 0;
    std::uint64_t versions = 0;    ///< a number for each symbol
    std::uint64_t definitions = 0; ///< what the numbers mean
    std::uint64_t symbol_count = 0;
};

std::optional<Tables> find_tables(ByteView image) {
    const auto header = at<Elf64_Ehdr>(image, 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return std::nullopt;
    }
    std::uint64_t dynamic = 0;
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
        const auto segment = at<Elf64_Phdr>(image, header->e_phoff + i * sizeof(Elf64_Phdr));
        if (segment && segment->p_type == PT_DYNAMIC) {
            dynamic = segment->p_offset;
        }
    }
    Tables tables;
    std::uint64_t hash = 0;
    for (auto entry = at<Elf64_Dyn>(image, dynamic);
         dynamic != 0 && entry && entry->d_tag != DT_NULL;
         entry = at<Elf64_Dyn>(image, dynamic += sizeof(Elf64_Dyn))) {
        switch (entry->d_tag) {
        case DT_SYMTAB:
            tables.symbols = entry->d_un.d_ptr;
            break;
        case DT_STRTAB:
            tables.strings = entry->d_un.d_ptr;
            break;
        case DT_VERSYM:
            tables.versions = entry->d_un.d_ptr;
            break;
        case DT_VERDEF:
            tables.definitions = entry->d_un.d_ptr;
            break;
        case DT_HASH:
            hash = entry->d_un.d_ptr;
            break;
        default:
            break;
        }
    }
    // The second word of the hash table is the number of symbols.
    const auto count = at<std::uint32_t>(image, hash + sizeof(std::uint32_t));
    tables.symbol_count = hash != 0 && count ? *count : 0;
    return tables.symbols != 0 && tables.strings != 0 && tables.symbol_count != 0
               ? std::optional(tables)
               : std::nullopt;
}

/// Whether the symbol's version is the wanted one; a vDSO without versions has only that.
bool version_fits(ByteView image, const Tables& tables, std::uint64_t symbol) {
    if (tables.versions == 0 || tables.definitions == 0) {
        return true;
    }
    const auto number = at<Elf64_Versym>(image, tables.versions + symbol * sizeof(Elf64_Versym));
    constexpr unsigned definitions_max = 16;
    std::uint64_t offset = tables.definitions;
    for (unsigned i = 0; number && i < definitions_max; ++i) {
        const auto definition = at<Elf64_Verdef>(image, offset);
        if (!definition) {
            return false;
        }
        if ((definition->vd_flags & VER_FLG_BASE) == 0 &&
            (definition->vd_ndx & 0x7FFFU) == (*number & 0x7FFFU)) {
            const auto name = at<Elf64_Verdaux>(image, offset + definition->vd_aux);
            return name && equals(image, tables.strings + name->vda_name, wanted_version);
        }
        if (definition->vd_next == 0) {
            return false;
        }
        offset += definition->vd_next;
    }
    return false;
}

} // namespace

std::uint64_t find_in_vdso(ByteView image, const char* name) {
    const std::optional<Tables> tables = find_tables(image);
    if (!tables) {
        return 0;
    }
    for (std::uint64_t i = 0; i < tables->symbol_count; ++i) {
        const auto symbol = at<Elf64_Sym>(image, tables->symbols + i * sizeof(Elf64_Sym));
        if (!symbol) {
            return 0;
        }
        if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
            symbol->st_value < image.size() &&
            equals(image, tables->strings + symbol->st_name, name) &&
            version_fits(image, *tables, i)) {
            return symbol->st_value;
        }
    }
    return 0;
}

ByteView own_vdso() {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(::getauxval(AT_SYSINFO_EHDR));
    if (begin == nullptr) {
        return {};
    }
    // Its size stands nowhere but in its loadable segment.
    Elf64_Ehdr header;
    std::memcpy(&header, begin, sizeof header);
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        std::memcpy(&segment, begin + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD && segment.p_offset == 0) {
            bytes = segment.p_filesz;
        }
    }
    return bytes <= vdso_bytes_max ? ByteView(begin, static_cast<std::size_t>(bytes)) : ByteView();
}

} // namespace authex::tee::sgx
