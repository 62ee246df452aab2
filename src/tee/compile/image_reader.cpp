#include "tee/compile/image_reader.hpp"

#include <cstring>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

namespace authex::tee::compile {
namespace {

/// struct authex_endpoint on a 64-bit target (sdk/include/authex/abi.h).
struct Record {
    std::uint64_t name;
    std::uint64_t function;
    std::uint64_t kind;
};

class ElfFile {
  public:
    explicit ElfFile(const std::filesystem::path& path) {
        elf_version(EV_CURRENT);
        fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        elf_ = fd_ < 0 ? nullptr : elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
    }
    ~ElfFile() {
        elf_end(elf_);
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    ElfFile(const ElfFile&) = delete;
    ElfFile& operator=(const ElfFile&) = delete;

    [[nodiscard]] bool readable() const {
        return elf_ != nullptr && gelf_getclass(elf_) == ELFCLASS64;
    }

    /// The bytes of a section, found by name or by an address that it holds.
    struct Section {
        std::uint64_t address = 0;
        std::string_view bytes;
    };
    [[nodiscard]] std::optional<Section> named(std::string_view wanted) const {
        std::size_t names = 0;
        if (elf_getshdrstrndx(elf_, &names) != 0) {
            return std::nullopt;
        }
        for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr;
             section = elf_nextscn(elf_, section)) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr) {
                continue;
            }
            const char* name = elf_strptr(elf_, names, header.sh_name);
            if (name != nullptr && wanted == name) {
                return content(section, header);
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] std::optional<std::string> text_at(std::uint64_t address) const {
        for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr;
             section = elf_nextscn(elf_, section)) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr || (header.sh_flags & SHF_ALLOC) == 0 ||
                header.sh_type != SHT_PROGBITS || address < header.sh_addr ||
                address - header.sh_addr >= header.sh_size) {
                continue;
            }
            const std::optional<Section> found = content(section, header);
            if (!found) {
                return std::nullopt;
            }
            const std::string_view tail = found->bytes.substr(address - header.sh_addr);
            const std::size_t end = tail.find('\0');
            return end == std::string_view::npos ? std::nullopt
                                                 : std::optional<std::string>(tail.substr(0, end));
        }
        return std::nullopt;
    }

  private:
    static std::optional<Section> content(Elf_Scn* section, const GElf_Shdr& header) {
        const Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || data->d_buf == nullptr || data->d_size != header.sh_size) {
            return std::nullopt;
        }
        return Section{header.sh_addr, {static_cast<const char*>(data->d_buf), data->d_size}};
    }

    int fd_ = -1;
    Elf* elf_ = nullptr;
};

tl::unexpected<Diagnostic> malformed(const std::filesystem::path& image, const char* why) {
    return failure("image-malformed", fmt::format("{}: {}", image.string(), why));
}

} // namespace

Expected<std::vector<descriptor::Endpoint>> read_endpoints(const std::filesystem::path& image) {
    const ElfFile elf(image);
    if (!elf.readable()) {
        return malformed(image, "not a 64-bit ELF file");
    }
    std::vector<descriptor::Endpoint> endpoints;
    const std::optional<ElfFile::Section> section = elf.named("authex_endpoints");
    if (!section) {
        return endpoints;
    }
    if (section->bytes.size() % sizeof(Record) != 0) {
        return malformed(image, "section authex_endpoints does not hold whole records");
    }
    std::set<std::string> names;
    for (std::size_t offset = 0; offset < section->bytes.size(); offset += sizeof(Record)) {
        Record record{};
        std::memcpy(&record, section->bytes.data() + offset, sizeof record);
        const std::optional<std::string> name = elf.text_at(record.name);
        if (!name || name->empty() || record.kind < 1 || record.kind > 8) {
            return malformed(image, "an endpoint record has no name or an unknown kind");
        }
        if (!names.insert(*name).second) {
            return failure("endpoint-duplicate",
                           fmt::format("endpoint `{}` is declared twice in one module", *name),
                           "give each endpoint of a module its own name");
        }
        endpoints.push_back({.name = *name,
                             .kind = static_cast<descriptor::EndpointKind>(record.kind),
                             .id = static_cast<std::uint16_t>(endpoints.size())});
    }
    return endpoints;
}

} // namespace authex::tee::compile
