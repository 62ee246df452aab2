#include "tee/sancus/builder.hpp"

#include <authex/abi.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/compile/compiler.hpp"
#include "tee/compile/object_cache.hpp"
#include "tee/sancus/devices.hpp"
#include "tee/sancus/image.hpp"
#include "tee/sancus/linked_elf.hpp"
#include "tee/sancus/linked_state.hpp"
#include "tee/sancus/linker.hpp"
#include "wire/control.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;

/// No C library: libstdc++'s freestanding headers with what they ask of one.
constexpr std::array common_flags = {"-target",
                                     "msp430",
                                     "-Oz",
                                     "-ffreestanding",
                                     "-nostdinc",
                                     "-ffunction-sections",
                                     "-fdata-sections",
                                     "-fno-ident",
                                     "-Wall",
                                     "-Wextra",
                                     "-Wdate-time",
                                     "-Werror=date-time"};
constexpr std::array cxx_flags = {"-std=c++20",
                                  "-flto",
                                  "-fno-exceptions",
                                  "-fno-rtti",
                                  "-fno-threadsafe-statics",
                                  "-fno-c++-static-destructors"};
constexpr std::array c_flags = {"-std=c11", "-flto"};
constexpr std::array include_folders = {"/usr/include/c++/12",
                                        "/usr/include/x86_64-linux-gnu/c++/12",
                                        "/usr/lib/llvm-14/lib/clang/14.0.6/include"};

constexpr std::array features = {"AUTHEX_WITH_AES=0",
                                 "AUTHEX_WITH_NOISE=0",
                                 "AUTHEX_SPONGENT_HARDWARE=1",
                                 "AUTHEX_AEAD_STATE_BYTES=16",
                                 "AUTHEX_WITH_REQUESTS=0",
                                 "AUTHEX_WITH_TIMERS=0",
                                 "AUTHEX_WITH_STREAMS=0",
                                 "AUTHEX_WITH_VALUES=0",
                                 "AUTHEX_WITH_SEALED_STATE=0",
                                 "AUTHEX_WITH_KEEPING=0",
                                 "AUTHEX_WITH_DEADLINES=0"};

constexpr std::array runtime_sources = {"src/tee/sancus/port/port.cpp",
                                        "src/tee/sancus/port/entry.S",
                                        "src/tee/sancus/port/memory.S",
                                        "src/tee/sancus/port/arithmetic.S",
                                        "src/base/bytes.cpp",
                                        "src/base/secrets.cpp",
                                        "src/crypto/aead.cpp",
                                        "src/wire/control.cpp",
                                        "src/wire/frame.cpp",
                                        "src/wire/seal.cpp",
                                        "src/runtime/connections.cpp",
                                        "src/runtime/control.cpp",
                                        "src/runtime/dispatch.cpp",
                                        "src/runtime/emitter.cpp",
                                        "src/runtime/orders.cpp",
                                        "src/runtime/report.cpp",
                                        "src/runtime/runtime.cpp",
                                        "src/runtime/sdk.cpp",
                                        "src/runtime/turning.cpp"};
/// Of a module that hands over.
constexpr std::array handover_sources = {"src/runtime/handover.cpp",
                                         "src/runtime/readable_state.cpp"};
constexpr const char* driver_folder = "sdk/drivers";
constexpr const char* gate_source = "src/tee/sancus/port/gate.S";
constexpr const char* linker_script = "src/tee/sancus/port/module.ld";

/// Where a module is linked to see what moves with its text, and what with its data.
struct Bases {
    std::uint16_t text;
    std::uint16_t data;
};
constexpr std::array<Bases, 4> bases = {
    {{0x4000, 0x0400}, {0x5038, 0x0400}, {0x4000, 0x1218}, {0x5038, 0x1218}}};
constexpr std::uint16_t gate_base = 0x3000;
/// More than there is beside the event manager in the largest memories of the core's
/// configurations, 48 KiB of program and 16 KiB of data. What a node has left, it says itself.
constexpr std::size_t text_bytes_max = 0xb000;
constexpr std::size_t data_bytes_max = 0x4000;

struct LinkedText {
    std::vector<std::uint8_t> bytes;
    LinkedElf elf;
};

template <std::size_t N>
void append(std::vector<std::string>& to, const std::array<const char*, N>& flags) {
    to.insert(to.end(), flags.begin(), flags.end());
}

std::uint16_t word_at(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] | bytes[offset + 1] << 8U);
}

std::vector<std::string> command_for(const fs::path& source) {
    const std::string extension = source.extension();
    const bool cxx = extension == ".cpp" || extension == ".cc";
    std::vector<std::string> command{cxx ? "clang++-14" : "clang-14"};
    append(command, common_flags);
    if (cxx) {
        append(command, cxx_flags);
    } else if (extension == ".c") {
        append(command, c_flags);
    }
    return command;
}

/// What a module has of the board: one block of registers, and of a port its pins.
struct Owned {
    const DeviceBlock* block = nullptr; ///< null: none
    std::uint8_t pins = 0;
};

Expected<Owned> owned_by(const BuildSpec& spec) {
    Owned owned;
    for (const std::string& name : spec.devices) {
        const Device* found = find_device(name);
        if (found == nullptr) {
            return failure("unknown-device",
                           fmt::format("module `{}`: there is no device `{}`", spec.module, name),
                           fmt::format("the devices are {}", fmt::join(device_names(), ", ")));
        }
        if (owned.block != nullptr && owned.block != &found->block) {
            return failure("device-conflict",
                           fmt::format("module `{}`: `{}` and `{}` have registers in two places, "
                                       "and an enclave can own one",
                                       spec.module,
                                       spec.devices.front(),
                                       name),
                           "make a driver module for each");
        }
        owned.block = &found->block;
        owned.pins = static_cast<std::uint8_t>(owned.pins | found->pins);
    }
    return owned;
}

/// What a module needs for its owner's orders and its own answers, of which an audit is the
/// largest, or what carries its state; even.
std::uint32_t owners_body_bytes(std::uint32_t connections, bool hands_over) {
    const std::size_t audit =
        wire::control_answer_bytes + wire::audit_entry_bytes * std::size_t{connections};
    const std::size_t import = 1 + 4 + 2 + state_chunk_bytes + state_pieces_bytes;
    const std::size_t most = hands_over ? std::max(audit, import) : audit;
    return static_cast<std::uint32_t>((most + 1) / 2 * 2);
}

/// A driver is the only one that can have its registers: no other instance runs beside it.
Expected<bool> may_hand_over(const BuildSpec& spec, const DeviceBlock* block) {
    if (spec.readable_state && block != nullptr) {
        return failure("driver-hands-over",
                       fmt::format("module `{}` owns registers, which no other instance of it can "
                                   "have meanwhile: it hands nothing over",
                                   spec.module),
                       "take «readable_state» out; what is to outlive an update belongs into a "
                       "module without devices");
    }
    return true;
}

class SancusBuilder final : public Builder {
  public:
    explicit SancusBuilder(compile::BuilderPaths paths)
        : paths_(std::move(paths)), objects_(paths_.cache / "sancus"), linker_(objects_.folder()) {}

    Expected<Image> build(const BuildSpec& wanted) override {
        BuildSpec spec = wanted;
        spec.root = (fs::absolute(wanted.root) / "").lexically_normal().parent_path();
        const Expected<Owned> owned = owned_by(spec);
        if (!owned) {
            return tl::make_unexpected(owned.error());
        }
        if (!spec.driver.empty()) {
            spec.sources = {paths_.home / driver_folder / (spec.driver + ".cpp")};
        }
        if (spec.max_connections > connections_max) {
            return failure("too-many-connections",
                           fmt::format("module `{}`: {} connections are more than the {} that a "
                                       "module for Sancus can have",
                                       spec.module,
                                       spec.max_connections,
                                       connections_max),
                           "split it, or put it on a node of another kind");
        }
        if (const auto may = may_hand_over(spec, owned->block); !may) {
            return tl::make_unexpected(may.error());
        }
        const Expected<Objects> objects = compile_all(spec, *owned);
        if (!objects) {
            Diagnostic diagnostic = objects.error();
            diagnostic.summary = fmt::format("module `{}`: {}", spec.module, diagnostic.summary);
            return tl::make_unexpected(std::move(diagnostic));
        }
        StateLayout state;
        const Expected<SancusImage> image = link_image(spec, *objects, owned->block, state);
        if (!image) {
            return tl::make_unexpected(image.error());
        }
        Expected<Image> stored = store(spec, *image, objects->cached);
        if (stored) {
            stored->state = std::move(state);
        }
        return stored;
    }

  private:
    struct Objects {
        std::vector<fs::path> paths;
        std::string digests;
        bool cached = true;
    };

    [[nodiscard]] std::vector<std::string> definitions(const BuildSpec& spec,
                                                       const DeviceBlock* block) const {
        std::vector<std::string> all;
        for (const char* feature : features) {
            all.push_back(std::string("-D") + feature);
        }
        const std::uint32_t connections =
            spec.max_connections != 0 ? spec.max_connections : connections_default;
        const std::uint32_t body = spec.max_body_bytes != 0 ? spec.max_body_bytes : body_bytes;
        all.push_back(fmt::format("-DAUTHEX_MAX_RESULT_BYTES={}", body));
        all.push_back(
            fmt::format("-DAUTHEX_MAX_BODY_BYTES={}",
                        std::max(body, owners_body_bytes(connections, spec.readable_state))));
        all.push_back(fmt::format("-DAUTHEX_WITH_HANDOVER={}", spec.readable_state ? 1 : 0));
        all.push_back(fmt::format("-DAUTHEX_WITH_TURNS={}", turns(spec) ? 1 : 0));
        all.push_back(fmt::format("-DAUTHEX_STATE_CHUNK_BYTES={}", state_chunk_bytes));
        all.push_back(fmt::format("-DAUTHEX_MAX_CONNECTIONS={}", connections));
        all.push_back(fmt::format("-DAUTHEX_RANDOM_DEVICE={:#x}", random_device));
        if (block != nullptr) {
            all.push_back("-DAUTHEX_WITH_INTERRUPTS=1");
            all.push_back(fmt::format("-DAUTHEX_INTERRUPT_FLAGS={:#x}", block->flags));
        }
        return all;
    }

    [[nodiscard]] std::vector<std::string> includes() const {
        std::vector<std::string> all = {"-I" + (paths_.home / "src").string(),
                                        "-I" + (paths_.home / "sdk/include").string(),
                                        "-isystem",
                                        (paths_.home / "sdk/freestanding").string()};
        for (const char* folder : include_folders) {
            all.insert(all.end(), {"-isystem", folder});
        }
        return all;
    }

    static bool turns(const BuildSpec& spec) { return spec.max_keys != 1; }

    /// Whose module of what name this is, as part of what is measured: one must not pass for
    /// another that is built from the same sources.
    static std::string name_bytes(const BuildSpec& spec) {
        const std::string owner(spec.owner_key.begin(), spec.owner_key.end());
        const std::vector<std::uint8_t> hash = compile::sha256(owner + spec.module);
        return fmt::format("{:#04x}", fmt::join(hash.begin(), hash.begin() + 8, ","));
    }

    /// What the sources are told of the module's devices. (authex/device.hpp)
    static std::vector<std::string> device_definitions(const Owned& owned) {
        if (owned.block == nullptr) {
            return {};
        }
        return {fmt::format("-DAUTHEX_DEVICE={:#x}", owned.block->begin),
                fmt::format("-DAUTHEX_DEVICE_PINS={:#x}", owned.pins)};
    }

    Expected<Objects> compile_all(const BuildSpec& spec, const Owned& owned) {
        Objects objects;
        const std::string home_map =
            fmt::format("-ffile-prefix-map={}=authex", paths_.home.string());
        const std::vector<std::string> include = includes();
        const auto add = [&](const fs::path& source,
                             const std::string& display,
                             std::vector<std::string> extra,
                             const fs::path& directory) -> Expected<bool> {
            compile::CompileJob job{
                .source = source, .arguments = command_for(source), .display = display};
            job.arguments.push_back(home_map);
            job.arguments.insert(job.arguments.end(), include.begin(), include.end());
            job.arguments.insert(job.arguments.end(), extra.begin(), extra.end());
            const auto object = objects_.compile(job, directory);
            if (!object) {
                return tl::make_unexpected(object.error());
            }
            objects.paths.push_back(object->path);
            objects.digests += object->digest;
            objects.cached = objects.cached && object->cached;
            return true;
        };
        for (const fs::path& source : spec.sources) {
            std::vector<std::string> extra = device_definitions(owned);
            extra.push_back(fmt::format("-ffile-prefix-map={}=.", spec.root.string()));
            for (const auto& [name, value] : spec.definitions) {
                extra.push_back(value.empty() ? "-D" + name : fmt::format("-D{}={}", name, value));
            }
            const fs::path absolute = source.is_absolute() ? source : spec.root / source;
            if (const auto done = add(absolute, source.string(), extra, spec.root); !done) {
                return tl::make_unexpected(done.error());
            }
        }
        const std::vector<std::string> own_features = features_of(objects.paths);
        std::vector<const char*> own(runtime_sources.begin(), runtime_sources.end());
        if (owned.block != nullptr) {
            own.push_back(gate_source);
        }
        if (spec.readable_state) {
            own.insert(own.end(), handover_sources.begin(), handover_sources.end());
        }
        for (const char* name : own) {
            std::vector<std::string> extra = definitions(spec, owned.block);
            extra.insert(extra.end(), own_features.begin(), own_features.end());
            if (name == std::string(runtime_sources.front())) {
                extra.push_back("-DAUTHEX_MODULE_NAME=" + name_bytes(spec));
            }
            if (const auto done = add(paths_.home / name, name, extra, paths_.home); !done) {
                return tl::make_unexpected(done.error());
            }
        }
        return objects;
    }

    /// How many endpoints the module has, and what the runtime need not carry, since it has none of
    /// them. Where that cannot be seen, whoever links it all says why.
    [[nodiscard]] std::vector<std::string> features_of(const std::vector<fs::path>& objects) {
        static constexpr std::array<std::pair<std::uint16_t, const char*>, 4> kinds = {
            {{AUTHEX_KIND_OUTPUT, "OUTPUTS"},
             {AUTHEX_KIND_INPUT, "INPUTS"},
             {AUTHEX_KIND_HANDLER, "HANDLERS"},
             {AUTHEX_KIND_ENTRY, "ENTRIES"}}};
        constexpr std::size_t record_bytes = 8; // name, function, kind (authex/abi.h)
        Expected<LinkedElf> elf =
            linker_.link({.options = {"-r"}, .script = {}, .objects = objects});
        std::set<std::uint16_t> found;
        const std::vector<std::uint8_t> records =
            elf ? elf->sections["authex_endpoints"] : std::vector<std::uint8_t>();
        if (records.size() < record_bytes) {
            return {};
        }
        for (std::size_t at = 0; at + record_bytes <= records.size(); at += record_bytes) {
            found.insert(word_at(records, at + 4));
        }
        std::vector<std::string> all{
            "-DAUTHEX_WITH_LINKED_ENDPOINTS=1",
            fmt::format("-DAUTHEX_MAX_ENDPOINTS={}", records.size() / record_bytes)};
        for (const auto& [kind, name] : kinds) {
            if (!found.contains(kind)) {
                all.push_back(fmt::format("-DAUTHEX_WITH_{}=0", name));
            }
        }
        return all;
    }

    Expected<LinkedText> link(const BuildSpec& spec, const Objects& objects, const Bases& at) {
        Expected<LinkedElf> elf = linker_.link(
            {.options = {"--gc-sections",
                         // A second time for size, once all of the program is one.
                         "--lto-newpm-passes=lto<O2>,default<Oz>",
                         // What overlaps here will lie elsewhere, if it is not too large.
                         "--no-check-sections",
                         fmt::format("--defsym=authex_text_base={}", at.text),
                         fmt::format("--defsym=authex_data_base={}", at.data),
                         fmt::format("--defsym=authex_gate_base={}", gate_base),
                         fmt::format("--defsym=authex_stack_bytes={}", stack_bytes(spec))},
             .script = paths_.home / linker_script,
             .objects = objects.paths});
        if (!elf && elf.error().detail.find("out of range") != std::string::npos) {
            return too_large(spec, "more text and data than 16 bits can address");
        }
        if (!elf && elf.error().code == "link-failed") {
            Diagnostic diagnostic = elf.error();
            diagnostic.summary = fmt::format("module `{}` does not link", spec.module);
            diagnostic.fix =
                "modules are freestanding: no libc, no operating system, only authex/module.hpp; "
                "on Sancus also no timers, streams, values, and no requests of their own";
            return tl::make_unexpected(std::move(diagnostic));
        }
        if (!elf) {
            return tl::make_unexpected(elf.error());
        }
        LinkedText linked{.bytes = elf->sections[".text"], .elf = {}};
        const auto& initial = elf->sections[".data"];
        linked.bytes.insert(linked.bytes.end(), initial.begin(), initial.end());
        linked.elf = std::move(*elf);
        return linked;
    }

    static std::uint64_t stack_bytes(const BuildSpec& spec) {
        const std::uint64_t wanted = spec.stack_bytes != 0 ? spec.stack_bytes : stack_default_bytes;
        return (wanted + 1) / 2 * 2;
    }

    Expected<SancusImage> link_image(const BuildSpec& spec,
                                     const Objects& objects,
                                     const DeviceBlock* block,
                                     StateLayout& state) {
        std::array<LinkedText, bases.size()> linked;
        for (std::size_t i = 0; i < bases.size(); ++i) {
            auto text = link(spec, objects, bases[i]);
            if (!text) {
                return tl::make_unexpected(text.error());
            }
            linked[i] = std::move(*text);
        }
        auto& symbols = linked[0].elf.symbols;
        const auto offset = [&](const char* name) {
            return static_cast<std::uint16_t>(symbols[name] - bases[0].text);
        };
        SancusImage image{
            .vendor_id = spec.vendor_id,
            .text_bytes = static_cast<std::uint16_t>(linked[0].bytes.size()),
            .data_bytes = static_cast<std::uint16_t>(symbols["authex_data_end"] - bases[0].data),
            .placed_offset = offset("authex_placed"),
            .endpoints_offset = offset("__start_authex_endpoints"),
            .endpoints = static_cast<std::uint16_t>(
                (symbols["__stop_authex_endpoints"] - symbols["__start_authex_endpoints"]) / 8),
            .text = linked[0].bytes,
            .gate = {},
            .text_relocations = {},
            .data_relocations = {}};
        if (block != nullptr) {
            image.gate = linked[0].elf.sections[".gate"];
            image.gate_bytes = static_cast<std::uint16_t>(image.gate.size());
            image.device_begin = block->begin;
            image.device_end = block->end;
            image.vector = block->vector;
        }
        const std::size_t text_bytes = linked[0].bytes.size();
        const std::size_t data_bytes = symbols["authex_data_end"] - bases[0].data;
        if (text_bytes > text_bytes_max || data_bytes > data_bytes_max) {
            return too_large(spec,
                             fmt::format("{} bytes of text and {} of data; no node with Sancus has "
                                         "more than {} and {}",
                                         text_bytes,
                                         data_bytes,
                                         text_bytes_max,
                                         data_bytes_max));
        }
        if (!find_relocations(linked, image)) {
            return failure("link-failed",
                           fmt::format("module `{}` cannot be moved", spec.module),
                           "it computes with addresses in a way that the linker cannot undo");
        }
        if (spec.readable_state) {
            Expected<StateLayout> found = state_of(linked[0].elf, image);
            if (!found) {
                return tl::make_unexpected(found.error());
            }
            state = std::move(*found);
        }
        state.turns = turns(spec);
        return image;
    }

    static tl::unexpected<Diagnostic> too_large(const BuildSpec& spec, const std::string& has) {
        return failure("image-too-large",
                       fmt::format("module `{}`: the image has {}", spec.module, has),
                       "make its state and its code smaller, or put it on another node; with "
                       "`max: { connections: N, body: N, stack: N, keys: 1 }` it needs less");
    }

    /// A word that differs where the text lies elsewhere is an address of the text, and so for the
    /// data. What that gives for both at once is compared with what the linker does.
    static bool find_relocations(const std::array<LinkedText, bases.size()>& linked,
                                 SancusImage& image) {
        const std::size_t bytes = image.text.size();
        for (const LinkedText& each : linked) {
            if (each.bytes.size() != bytes || bytes % 2 != 0) {
                return false;
            }
        }
        std::vector<std::uint8_t> moved = linked[0].bytes;
        const auto set = [](std::vector<std::uint8_t>& text, std::size_t at, unsigned value) {
            text[at] = static_cast<std::uint8_t>(value);
            text[at + 1] = static_cast<std::uint8_t>(value >> 8U);
        };
        for (std::size_t at = 0; at < bytes; at += 2) {
            const std::uint16_t word = word_at(linked[0].bytes, at);
            const bool of_text = word_at(linked[1].bytes, at) != word;
            const bool of_data = word_at(linked[2].bytes, at) != word;
            if (of_text && of_data) {
                return false;
            }
            const Bases& from = bases[0];
            const Bases& to = bases[3];
            if (of_text) {
                image.text_relocations.push_back(static_cast<std::uint16_t>(at));
                set(image.text, at, word - from.text);
                set(moved, at, word - from.text + to.text);
            } else if (of_data) {
                image.data_relocations.push_back(static_cast<std::uint16_t>(at));
                set(image.text, at, word - from.data);
                set(moved, at, word - from.data + to.data);
            }
        }
        return moved == linked[3].bytes;
    }

    Expected<Image> store(const BuildSpec& spec, const SancusImage& image, bool cached) {
        const std::vector<std::uint8_t> file = serialize(image);
        const Expected<SancusImage> parsed = parse_image(file);
        if (!parsed) {
            return tl::make_unexpected(parsed.error());
        }
        if (spec.max_image_bytes != 0 && file.size() > spec.max_image_bytes) {
            return failure("image-too-large",
                           fmt::format("module `{}`: the image has {} bytes, more than its `max: "
                                       "image` of {}",
                                       spec.module,
                                       file.size(),
                                       spec.max_image_bytes),
                           "make it smaller, or allow more: `max: { image: N }`");
        }
        auto endpoints = endpoints_of(image);
        if (!endpoints) {
            endpoints.error().summary =
                fmt::format("module `{}`: {}", spec.module, endpoints.error().summary);
            return tl::make_unexpected(endpoints.error());
        }
        const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
        const fs::path path = objects_.folder() / (compile::sha256_hex(bytes) + ".image");
        if (const auto written = compile::write_file(path, bytes); !written) {
            return tl::make_unexpected(written.error());
        }
        return Image{.path = path,
                     .identity = {},
                     .symbols = {},
                     .bytes = file.size(),
                     .endpoints = std::move(*endpoints),
                     .cached = cached};
    }

    compile::BuilderPaths paths_;
    compile::ObjectCache objects_;
    Linker linker_;
};

} // namespace

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths) {
    return std::make_unique<SancusBuilder>(std::move(paths));
}

} // namespace authex::tee::sancus
