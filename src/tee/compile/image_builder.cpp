#include "tee/compile/image_builder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/compile/compiler.hpp"
#include "tee/compile/image_reader.hpp"

namespace authex::tee::compile {
namespace {

namespace fs = std::filesystem;

/// Flags of both languages, on every TEE.
constexpr std::array common_flags = {"-O2",
                                     "-ffreestanding",
                                     "-fno-asynchronous-unwind-tables",
                                     "-fno-unwind-tables",
                                     "-ffunction-sections",
                                     "-fdata-sections",
                                     "-fno-ident",
                                     "-Wall",
                                     "-Wextra",
                                     "-Wdate-time",
                                     "-Werror=date-time"};
constexpr std::array cxx_flags = {"-std=c++20",
                                  "-fno-exceptions",
                                  "-fno-rtti",
                                  "-fno-threadsafe-statics",
                                  "-fno-c++-static-destructors"};
constexpr std::array c_flags = {"-std=c11"};
constexpr const char* compiler_cxx = "clang++-14";
constexpr const char* compiler_c = "clang-14";
constexpr const char* linker = "ld.lld-14";

/// What every image carries besides the module and its TEE's port.
constexpr std::array runtime_sources = {
    "src/base/bytes.cpp",           "src/base/secrets.cpp",
    "src/crypto/aead.cpp",          "src/crypto/aes_gcm.cpp",
    "src/crypto/kdf.cpp",           "src/crypto/noise.cpp",
    "src/crypto/spongent.cpp",      "src/crypto/spongent_permutation.cpp",
    "src/crypto/x25519.cpp",        "src/wire/control.cpp",
    "src/wire/frame.cpp",           "src/wire/seal.cpp",
    "src/runtime/connections.cpp",  "src/runtime/control.cpp",
    "src/runtime/deadline.cpp",     "src/runtime/dispatch.cpp",
    "src/runtime/door.cpp",         "src/runtime/emitter.cpp",
    "src/runtime/handover.cpp",     "src/runtime/keeping.cpp",
    "src/runtime/sealed_state.cpp", "src/runtime/turning.cpp",
    "src/runtime/orders.cpp",       "src/runtime/report.cpp",
    "src/runtime/runtime.cpp",      "src/runtime/sdk.cpp",
    "src/runtime/values.cpp"};

/// Components of the SDK. As of a library, only those go into an image that the module uses.
constexpr std::array component_sources = {"sdk/web/certificate.cpp",
                                          "sdk/web/channel.cpp",
                                          "sdk/web/der.cpp",
                                          "sdk/web/evidence.cpp",
                                          "sdk/web/http.cpp",
                                          "sdk/web/identity.cpp",
                                          "sdk/web/names.cpp",
                                          "sdk/web/pages.cpp",
                                          "sdk/web/response.cpp",
                                          "sdk/web/server.cpp"};

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody writes it
    return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

bool is_home(const fs::path& folder) {
    return fs::exists(folder / "src/runtime/port.hpp") &&
           fs::exists(folder / "sdk/include/authex/module.hpp");
}

std::string owner_key_list(const BuildSpec& spec) {
    std::string list = fmt::format("{:#04x}", fmt::join(spec.owner_key, ","));
    // A delegate's is the third, also where there is no second: then that is the first again.
    if (spec.recovery_key || spec.delegate_key) {
        list += fmt::format(",{:#04x}", fmt::join(spec.recovery_key.value_or(spec.owner_key), ","));
    }
    if (spec.delegate_key) {
        list += fmt::format(",{:#04x}", fmt::join(*spec.delegate_key, ","));
    }
    return list;
}

bool is_cxx(const fs::path& source) {
    return source.extension() != ".c" && source.extension() != ".S";
}

template <std::size_t N>
void append(std::vector<std::string>& to, const std::array<const char*, N>& flags) {
    to.insert(to.end(), flags.begin(), flags.end());
}

std::vector<std::string> command_for(const fs::path& source, const Recipe& recipe) {
    std::vector<std::string> command{is_cxx(source) ? compiler_cxx : compiler_c};
    command.insert(command.end(), recipe.flags.begin(), recipe.flags.end());
    append(command, common_flags);
    if (is_cxx(source)) {
        append(command, cxx_flags);
    } else if (source.extension() == ".c") {
        append(command, c_flags);
    }
    return command;
}

fs::path bearssl(const Recipe& recipe) {
    for (const std::string& folder : recipe.library_folders) {
        fs::path path = fs::path(folder) / "libbearssl.a";
        if (fs::exists(path)) {
            return path;
        }
    }
    return {};
}

struct Libraries {
    std::vector<fs::path> paths;
    std::string digests; ///< of their content
};

Expected<Libraries> libraries_of(const Recipe& recipe) {
    Libraries libraries{.paths = recipe.libraries, .digests = {}};
    libraries.paths.push_back(bearssl(recipe));
    if (libraries.paths.back().empty()) {
        return failure("compiler-missing",
                       "libbearssl.a is not installed",
                       "install the Debian package " + recipe.library_package);
    }
    for (const fs::path& path : libraries.paths) {
        const Expected<std::string> content = read_file(path);
        if (!content) {
            return tl::make_unexpected(content.error());
        }
        libraries.digests += sha256_hex(*content);
    }
    return libraries;
}

} // namespace

Expected<BuilderPaths> BuilderPaths::find() {
    BuilderPaths paths;
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    std::vector<fs::path> candidates;
    if (const auto home = environment("AUTHEX_HOME")) {
        candidates.emplace_back(*home);
    }
    candidates.push_back(program.parent_path().parent_path() / "share/authex");
    const auto found = std::find_if(candidates.begin(), candidates.end(), is_home);
    if (found == candidates.end()) {
        return failure("home-missing",
                       "cannot find the sources that go into every module",
                       "install the package authex-sdk, or set AUTHEX_HOME to the folder that has "
                       "Authex' sdk/ and src/");
    }
    paths.home = fs::canonical(*found, error);
    if (const auto cache = environment("AUTHEX_CACHE")) {
        paths.cache = *cache;
    } else if (const auto xdg = environment("XDG_CACHE_HOME")) {
        paths.cache = fs::path(*xdg) / "authex";
    } else if (const auto home = environment("HOME")) {
        paths.cache = fs::path(*home) / ".cache/authex";
    } else {
        paths.cache = fs::temp_directory_path() / fmt::format("authex-cache-{}", ::getuid());
    }
    return paths;
}

ImageBuilder::ImageBuilder(BuilderPaths paths, Recipe recipe)
    : paths_(std::move(paths)), recipe_(std::move(recipe)), objects_(paths_.cache / recipe_.name) {}

std::vector<ImageBuilder::Job> ImageBuilder::jobs_of(const BuildSpec& spec) const {
    std::vector<Job> jobs;
    const std::string home_map = fmt::format("-ffile-prefix-map={}=authex", paths_.home.string());
    const auto add_own = [&](const std::string& name, std::vector<std::string> extra) {
        CompileJob job{
            .source = paths_.home / name, .arguments = command_for(name, recipe_), .display = name};
        job.arguments.insert(job.arguments.end(),
                             {home_map,
                              "-I" + (paths_.home / "src").string(),
                              "-I" + (paths_.home / "sdk/include").string()});
        if (spec.delegate_key) {
            extra.emplace_back("-DAUTHEX_WITH_DELEGATE=1");
        }
        if (spec.persists) {
            extra.emplace_back("-DAUTHEX_PERSISTS=1");
        }
        if (spec.persist_every_ms != 0) {
            extra.push_back(fmt::format("-DAUTHEX_PERSIST_EVERY_MS={}", spec.persist_every_ms));
        }
        if (!spec.spongent) {
            extra.emplace_back("-DAUTHEX_WITH_SPONGENT=0");
        }
        if (spec.max_connections != 0) {
            extra.push_back(fmt::format("-DAUTHEX_MAX_CONNECTIONS={}", spec.max_connections));
        }
        job.arguments.insert(job.arguments.end(), extra.begin(), extra.end());
        jobs.emplace_back(std::move(job), paths_.home);
    };
    std::vector<std::string> told;
    for (const auto& [name, value] : spec.port_definitions) {
        told.push_back(fmt::format("-D{}={}", name, value));
    }
    for (const std::string& name : recipe_.port_sources) {
        add_own(name, told);
    }
    told.push_back("-DAUTHEX_OWNER_KEYS=" + owner_key_list(spec));
    add_own(recipe_.port_source, told);
    for (const char* name : runtime_sources) {
        add_own(name, {});
    }
    for (const fs::path& source : spec.sources) {
        const fs::path absolute = source.is_absolute() ? source : spec.root / source;
        CompileJob job{.source = absolute,
                       .arguments = command_for(source, recipe_),
                       .display = source.string()};
        job.arguments.insert(job.arguments.end(),
                             {fmt::format("-ffile-prefix-map={}=.", spec.root.string()),
                              home_map,
                              "-I" + (paths_.home / "sdk/include").string()});
        for (const auto& [name, value] : spec.definitions) {
            job.arguments.push_back(value.empty() ? "-D" + name
                                                  : fmt::format("-D{}={}", name, value));
        }
        jobs.emplace_back(std::move(job), spec.root);
    }
    for (const char* name : component_sources) {
        add_own(name, {});
    }
    return jobs;
}

Expected<ImageBuilder::Objects> ImageBuilder::compile(const std::vector<Job>& jobs) {
    // The objects of several threads land in their jobs' order, so that the link does not depend on
    // who was first.
    std::vector<std::optional<Expected<ObjectCache::Object>>> results(jobs.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next++; i < jobs.size(); i = next++) {
            results[i] = objects_.compile(jobs[i].first, jobs[i].second);
        }
    };
    std::vector<std::future<void>> others;
    for (unsigned i = 1; i < std::max(2U, std::thread::hardware_concurrency()); ++i) {
        others.push_back(std::async(std::launch::async, work));
    }
    work();
    others.clear();

    Objects objects;
    for (auto& result : results) {
        if (!result->has_value()) {
            return tl::make_unexpected(result->error());
        }
        objects.paths.push_back((*result)->path);
        objects.digests += (*result)->digest;
        objects.cached = objects.cached && (*result)->cached;
    }
    return objects;
}

Expected<fs::path>
ImageBuilder::link(const BuildSpec& spec, const Objects& objects, Symbols symbols, bool& cached) {
    const Expected<Libraries> libraries = libraries_of(recipe_);
    if (!libraries) {
        return tl::make_unexpected(libraries.error());
    }
    std::string identity = objects.digests + libraries->digests;
    std::vector<std::string> command{linker,
                                     "-nostdlib",
                                     "--gc-sections",
                                     "-e",
                                     "authex_enter",
                                     // The module's name is measured: one module must not pass for
                                     // another that is built from the same sources.
                                     "--build-id=0x" + sha256_hex(spec.module)};
    if (symbols == Symbols::stripped) {
        command.emplace_back("-s");
    }
    command.insert(command.end(), recipe_.link_flags.begin(), recipe_.link_flags.end());
    if (!recipe_.link_script.empty()) {
        const fs::path script = paths_.home / recipe_.link_script;
        const Expected<std::string> text = read_file(script);
        if (!text) {
            return tl::make_unexpected(text.error());
        }
        identity += sha256_hex(*text);
        command.insert(command.end(), {"-T", script.string()});
    }
    for (const std::string& argument : command) {
        identity += argument + " ";
    }
    const fs::path image = objects_.folder() / (sha256_hex(identity) + ".image");
    cached = fs::exists(image);
    if (cached) {
        return image;
    }
    static std::atomic<unsigned> serial{0};
    const std::string temporary = image.string() + fmt::format(".{}.{}", ::getpid(), serial++);
    const auto components = objects.paths.end() - component_sources.size();
    command.insert(command.end(), objects.paths.begin(), components);
    command.emplace_back("--start-lib");
    command.insert(command.end(), components, objects.paths.end());
    command.emplace_back("--end-lib");
    command.insert(command.end(), libraries->paths.begin(), libraries->paths.end());
    command.insert(command.end(), {"-o", temporary});
    const Expected<CommandResult> result = run_command(command, objects_.folder());
    if (!result) {
        return tl::make_unexpected(result.error());
    }
    std::error_code error;
    if (result->status != 0) {
        fs::remove(temporary, error);
        Diagnostic diagnostic = make_error(
            "link-failed",
            fmt::format("module `{}` does not link", spec.module),
            "modules are freestanding: no libc, no operating system, only authex/module.hpp");
        diagnostic.detail = result->output;
        return tl::make_unexpected(std::move(diagnostic));
    }
    fs::rename(temporary, image, error);
    if (error) {
        return failure("file-unwritable",
                       fmt::format("cannot write {}: {}", image.string(), error.message()));
    }
    return image;
}

/// The same image with symbols, where there is a state whose variables it names.
Expected<StateLayout> ImageBuilder::state_of(const BuildSpec& spec,
                                             const Objects& objects,
                                             const std::filesystem::path& image) {
    const Expected<bool> some = has_state(image);
    if (!some) {
        return tl::make_unexpected(some.error());
    }
    bool cached = false;
    const Expected<fs::path> named = *some ? link(spec, objects, Symbols::kept, cached) : image;
    return named ? read_state(*named) : Expected<StateLayout>(tl::make_unexpected(named.error()));
}

/// Compiled anew with debug information, which shall change nothing that is measured: else the
/// debugger would show another program.
fs::path ImageBuilder::with_symbols(const BuildSpec& spec,
                                    const std::vector<std::uint8_t>& identity) {
    std::vector<Job> jobs = jobs_of(spec);
    for (Job& job : jobs) {
        job.first.arguments.emplace_back("-g");
    }
    const Expected<Objects> objects = compile(jobs);
    if (!objects) {
        return {};
    }
    bool cached = false;
    const Expected<fs::path> stripped = link(spec, *objects, Symbols::stripped, cached);
    const Expected<std::string> bytes = stripped ? read_file(*stripped) : std::string();
    if (!bytes || sha256(*bytes) != identity) {
        return {};
    }
    return link(spec, *objects, Symbols::kept, cached).value_or(fs::path());
}

Expected<Image> ImageBuilder::build(const BuildSpec& wanted) {
    BuildSpec spec = wanted;
    // The compiler runs in it, and its messages name files from it on: without dots, and without a
    // slash at the end.
    spec.root = (fs::absolute(wanted.root) / "").lexically_normal().parent_path();
    const Expected<Objects> objects = compile(jobs_of(spec));
    if (!objects) {
        Diagnostic diagnostic = objects.error();
        diagnostic.summary = fmt::format("module `{}`: {}", spec.module, diagnostic.summary);
        return tl::make_unexpected(std::move(diagnostic));
    }
    bool linked_before = false;
    const Expected<fs::path> path = link(spec, *objects, Symbols::stripped, linked_before);
    if (!path) {
        return tl::make_unexpected(path.error());
    }
    const Expected<std::string> bytes = read_file(*path);
    if (!bytes) {
        return tl::make_unexpected(bytes.error());
    }
    Expected<std::vector<descriptor::Endpoint>> endpoints = read_endpoints(*path);
    if (!endpoints) {
        endpoints.error().summary =
            fmt::format("module `{}`: {}", spec.module, endpoints.error().summary);
        return tl::make_unexpected(endpoints.error());
    }
    Expected<StateLayout> state = state_of(spec, *objects, *path);
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    if (spec.max_image_bytes != 0 && bytes->size() > spec.max_image_bytes) {
        return failure(
            "image-too-large",
            fmt::format("module `{}`: the image has {} bytes, more than its `max: image` of {}",
                        spec.module,
                        bytes->size(),
                        spec.max_image_bytes));
    }
    std::vector<std::uint8_t> identity = sha256(*bytes);
    return Image{.path = *path,
                 .identity = identity,
                 .symbols = spec.symbols ? with_symbols(spec, identity) : fs::path(),
                 .bytes = bytes->size(),
                 .endpoints = std::move(*endpoints),
                 .state = std::move(*state),
                 .cached = objects->cached && linked_before};
}

} // namespace authex::tee::compile
