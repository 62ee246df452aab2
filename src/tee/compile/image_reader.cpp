#include "tee/compile/image_reader.hpp"

#include <authex/abi.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
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

        [[nodiscard]] bool holds(std::uint64_t at) const {
            return at >= address && at - address < bytes.size();
        }
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

    /// Names, addresses and sizes of data.
    [[nodiscard]] std::vector<std::pair<std::string, GElf_Sym>> objects() const {
        std::vector<std::pair<std::string, GElf_Sym>> all;
        for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr;
             section = elf_nextscn(elf_, section)) {
            GElf_Shdr header;
            Elf_Data* data = elf_getdata(section, nullptr);
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB ||
                data == nullptr || header.sh_entsize == 0) {
                continue;
            }
            for (std::uint64_t i = 0; i < header.sh_size / header.sh_entsize; ++i) {
                GElf_Sym symbol;
                if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr ||
                    GELF_ST_TYPE(symbol.st_info) != STT_OBJECT) {
                    continue;
                }
                const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
                all.emplace_back(name == nullptr ? "" : name, symbol);
            }
        }
        return all;
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

/// AUTHEX_MAX_ENDPOINTS of the runtime (runtime/runtime.hpp): an image with more does not start.
constexpr std::size_t endpoints_max = 64;
constexpr std::uint64_t kind_max = AUTHEX_KIND_EVIDENCE;
constexpr std::uint64_t kind_state = AUTHEX_KIND_STATE;
constexpr std::string_view state_section = "authex_state";
constexpr std::string_view state_record_name = "state ";

} // namespace

std::string source_name(const std::string& symbol) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain(
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
    std::string name = status == 0 ? plain.get() : symbol;
    constexpr std::string_view unnamed = "(anonymous namespace)::";
    for (std::size_t at = name.find(unnamed); at != std::string::npos; at = name.find(unnamed)) {
        name.erase(at, unnamed.size());
    }
    return name;
}

namespace {

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
    const std::size_t count = section->bytes.size() / sizeof(Record);
    if (count > endpoints_max) {
        return failure(
            "too-many-endpoints",
            fmt::format("it has {} endpoints, and a module has room for {}", count, endpoints_max),
            "divide the work among several modules");
    }
    std::set<std::string> names;
    for (std::size_t offset = 0; offset < section->bytes.size(); offset += sizeof(Record)) {
        Record record{};
        std::memcpy(&record, section->bytes.data() + offset, sizeof record);
        const std::optional<std::string> name = elf.text_at(record.name);
        if (name && record.kind == kind_state) {
            continue;
        }
        if (!name || name->empty() || record.kind < 1 || record.kind > kind_max) {
            return malformed(image, "an endpoint record has no name or an unknown kind");
        }
        if (!names.insert(*name).second) {
            return failure("endpoint-duplicate",
                           fmt::format("endpoint `{}` is declared twice in one module", *name),
                           "give each endpoint of a module its own name");
        }
        endpoints.push_back({.name = *name,
                             .kind = static_cast<descriptor::EndpointKind>(record.kind),
                             .id = static_cast<std::uint16_t>(offset / sizeof(Record))});
    }
    return endpoints;
}

Expected<bool> has_state(const std::filesystem::path& image) {
    const ElfFile elf(image);
    if (!elf.readable()) {
        return malformed(image, "not a 64-bit ELF file");
    }
    const std::optional<ElfFile::Section> section = elf.named(state_section);
    return section && !section->bytes.empty();
}

namespace {

/// What the record of the version says, where there is one.
Expected<bool>
read_version(const ElfFile& elf, const std::filesystem::path& image, StateLayout& layout) {
    const std::optional<ElfFile::Section> section = elf.named("authex_endpoints");
    const std::size_t bytes = section ? section->bytes.size() : 0;
    bool found = false;
    for (std::size_t offset = 0; offset + sizeof(Record) <= bytes; offset += sizeof(Record)) {
        Record record{};
        std::memcpy(&record, section->bytes.data() + offset, sizeof record);
        if (record.kind != kind_state) {
            continue;
        }
        const std::string name = elf.text_at(record.name).value_or("");
        const bool begins = name.starts_with(state_record_name);
        const char* begin = name.data() + (begins ? state_record_name.size() : 0);
        const char* end = name.data() + name.size();
        const auto [at, error] = std::from_chars(begin, end, layout.version);
        if (found || !begins || at != end || error != std::errc{}) {
            return malformed(image,
                             found ? "the version of its state is said twice"
                                   : "the version of its state is no number below 2^32");
        }
        found = true;
        layout.migrates = record.function != 0;
    }
    return true;
}

} // namespace

Expected<StateLayout> read_state(const std::filesystem::path& image) {
    const ElfFile elf(image);
    if (!elf.readable()) {
        return malformed(image, "not a 64-bit ELF file");
    }
    StateLayout layout;
    const Expected<bool> version = read_version(elf, image, layout);
    if (!version) {
        return tl::make_unexpected(version.error());
    }
    const std::optional<ElfFile::Section> section = elf.named(state_section);
    if (!section) {
        return layout;
    }
    for (const auto& [name, symbol] : elf.objects()) {
        if (section->holds(symbol.st_value) && symbol.st_size != 0) {
            layout.variables.push_back(
                {.name = source_name(name),
                 .offset = static_cast<std::uint32_t>(symbol.st_value - section->address),
                 .bytes = static_cast<std::uint32_t>(symbol.st_size)});
        }
    }
    std::sort(layout.variables.begin(), layout.variables.end(), [](const auto& a, const auto& b) {
        return a.offset < b.offset;
    });
    return layout;
}

} // namespace authex::tee::compile
