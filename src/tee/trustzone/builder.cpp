#include "tee/trustzone/builder.hpp"

#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/compile/compiler.hpp"
#include "tee/trustzone/image/signed_ta.hpp"
#include "tee/trustzone/image/ta_writer.hpp"
#include "tee/trustzone/signer.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::uint32_t stack_bytes_max = 1U << 20U;

namespace fs = std::filesystem;

/// Of OP-TEE, `export-ta_arm64`, whose headers of the standard and, for AArch64, whose libraries
/// are taken in place of ours. Empty: no dev kit is named.
fs::path dev_kit() {
    const char* value =
        std::getenv("AUTHEX_TA_DEV_KIT"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    return value != nullptr ? value : "";
}

/// In front of all others: its headers of the standard go with its C library's.
void take_dev_kit(compile::Recipe& recipe) {
    if (const fs::path kit = dev_kit(); !kit.empty()) {
        recipe.flags.insert(
            recipe.flags.begin(),
            {"-DAUTHEX_TA_DEV_KIT", "-isystem", fs::absolute(kit / "include").string()});
    }
}

constexpr const char* own_internal_api = "src/tee/trustzone/port/optee/internal_api.cpp";
constexpr std::array kit_libraries = {"lib/libutee.a", "lib/libutils.a"};

/// Its functions are the dev kit's, where there is one; entry and writable memory stay ours, since
/// what is measured hangs on them.
void take_internal_api(compile::Recipe& recipe) {
    const fs::path kit = dev_kit();
    recipe.port_sources.emplace_back(kit.empty() ? own_internal_api
                                                 : "src/tee/trustzone/port/optee/dev_kit.cpp");
    for (const char* library : kit_libraries) {
        if (!kit.empty()) {
            recipe.libraries.push_back(fs::absolute(kit / library));
        }
    }
}

/// The headers of its Internal Core API are of version 1.3 or later, as OP-TEE's are since 4.0:
/// before, sizes had 32 bits.
Expected<bool> check_dev_kit(const fs::path& folder) {
    const fs::path defines = folder / "include/tee_api_defines.h";
    const Expected<std::string> text = compile::read_file(defines);
    if (!text || !fs::exists(folder / "include/tee_internal_api.h")) {
        return failure("ta-dev-kit",
                       fmt::format("AUTHEX_TA_DEV_KIT: {} cannot be read", defines.string()),
                       "name the folder export-ta_arm64 of an OP-TEE that was built, or leave it "
                       "unset");
    }
    if (text->find("TEE_CORE_API_MAJOR_VERSION") == std::string::npos) {
        return failure("ta-dev-kit",
                       fmt::format("AUTHEX_TA_DEV_KIT: {} is of an Internal Core API before 1.3",
                                   folder.string()),
                       "take the dev kit of OP-TEE 4.0 or later, or leave it unset: images run on "
                       "older ones too");
    }
    for (const char* library : kit_libraries) {
        if (!fs::exists(folder / library)) {
            return failure(
                "ta-dev-kit",
                fmt::format("AUTHEX_TA_DEV_KIT: {} is not there", (folder / library).string()),
                "name the folder export-ta_arm64 of an OP-TEE that was built");
        }
    }
    return true;
}

/// What both processors have alike.
compile::Recipe common_recipe() {
    compile::Recipe recipe = {.name = {},
                              .flags = {"-fPIE",
                                        "-fvisibility=hidden",
                                        "-fno-stack-protector",
                                        "-DAUTHEX_WITH_OWN_ENTROPY=1",
                                        "-DAUTHEX_WITH_REPORTS=1",
                                        "-DAUTHEX_REPORT_BYTES=416",
                                        "-DAUTHEX_REPORT_TARGET_BYTES=0"},
                              .port_source = "src/tee/trustzone/port/ta.cpp",
                              .port_sources = {"src/tee/trustzone/port/optee/start.cpp",
                                               "src/tee/native/port/libc.cpp",
                                               "src/tee/native/port/libc_compare.cpp"},
                              .link_flags = {"-pie",
                                             "--no-dynamic-linker",
                                             "--apply-dynamic-relocs",
                                             "-z",
                                             "norelro",
                                             "-z",
                                             "max-page-size=4096",
                                             "-z",
                                             "noexecstack"},
                              .link_script = "src/tee/trustzone/port/optee/ta.ld"};
    return recipe;
}

compile::Recipe recipe_aarch64(const fs::path& home) {
    compile::Recipe recipe = common_recipe();
    recipe.name = "trustzone";
    // No C library: libstdc++'s freestanding headers with what they ask of one.
    const std::vector<std::string> target = {"-target",
                                             "aarch64-linux-gnu",
                                             "-isystem",
                                             (home / "sdk/freestanding").string(),
                                             "-isystem",
                                             "/usr/include/c++/12",
                                             "-isystem",
                                             "/usr/include/x86_64-linux-gnu/c++/12",
                                             "-idirafter",
                                             "/usr/include"};
    recipe.flags.insert(recipe.flags.begin(), target.begin(), target.end());
    take_dev_kit(recipe);
    take_internal_api(recipe);
    recipe.port_sources.emplace_back("src/tee/trustzone/port/optee/svc_aarch64.S");
    recipe.library_folders = {"/usr/lib/aarch64-linux-gnu", "/usr/aarch64-linux-gnu/lib"};
    recipe.library_package =
        "libbearssl-dev:arm64 (tools/setup; or: dpkg --add-architecture arm64, "
        "apt-get update, apt-get install libbearssl-dev:arm64)";
    return recipe;
}

compile::Recipe recipe_x86_64() {
    compile::Recipe recipe = common_recipe();
    recipe.name = "trustzone-x86-64";
    const std::vector<std::string> target = {"-target", "x86_64-linux-gnu", "-fcf-protection=none"};
    recipe.flags.insert(recipe.flags.begin(), target.begin(), target.end());
    take_dev_kit(recipe);
    recipe.port_sources.emplace_back(own_internal_api); // a dev kit's are of AArch64
    recipe.port_sources.emplace_back("src/tee/trustzone/port/optee/svc_x86_64.S");
    return recipe;
}

/// As the initialiser of optee::TaHead.
std::string uuid_list(const Uuid& uuid) {
    return fmt::format("0x{:02x}{:02x}{:02x}{:02x},0x{:02x}{:02x},0x{:02x}{:02x},{{{:#04x}}}",
                       uuid[0],
                       uuid[1],
                       uuid[2],
                       uuid[3],
                       uuid[4],
                       uuid[5],
                       uuid[6],
                       uuid[7],
                       fmt::join(uuid.begin() + 8, uuid.end(), ","));
}

class TrustZoneBuilder final : public Builder {
  public:
    explicit TrustZoneBuilder(const compile::BuilderPaths& paths)
        : cache_(paths.cache / "trustzone"), aarch64_(paths, recipe_aarch64(paths.home)),
          x86_64_(paths, recipe_x86_64()) {}

    Expected<Image> build(const BuildSpec& spec) override {
        if (!dev_kit_.empty()) {
            if (const Expected<bool> usable = check_dev_kit(dev_kit_); !usable) {
                return tl::make_unexpected(usable.error());
            }
        }
        const std::uint32_t wanted = spec.stack_bytes == 0 ? stack_bytes_default : spec.stack_bytes;
        if (wanted > stack_bytes_max) {
            return failure("stack-size",
                           fmt::format("module `{}`: a stack of {} bytes", spec.module, wanted),
                           fmt::format("TAs get at most {} bytes", stack_bytes_max));
        }
        const auto stack =
            static_cast<std::uint32_t>((wanted + page_bytes - 1) / page_bytes * page_bytes);
        const Uuid uuid = module_uuid(spec.owner_key, spec.module);
        BuildSpec program_spec = spec;
        program_spec.max_image_bytes = 0; // of the whole, below
        program_spec.port_definitions = {{"AUTHEX_TA_UUID", uuid_list(uuid)},
                                         {"AUTHEX_TA_STACK_BYTES", std::to_string(stack)}};
        Expected<Image> image = (spec.machine == "x86-64" ? x86_64_ : aarch64_).build(program_spec);
        if (!image) {
            return image;
        }
        const Expected<std::string> program = compile::read_file(image->path);
        if (!program) {
            return tl::make_unexpected(program.error());
        }
        const Expected<bool> made = seal(spec, uuid, *program, *image);
        return made ? std::move(image) : tl::make_unexpected(made.error());
    }

  private:
    /// Makes a signed TA of the program.
    Expected<bool>
    seal(const BuildSpec& spec, const Uuid& uuid, const std::string& program, Image& image) {
        const Expected<std::vector<std::uint8_t>> elf =
            write_ta({reinterpret_cast<const std::uint8_t*>(program.data()), program.size()});
        if (!elf) {
            Diagnostic diagnostic = elf.error();
            diagnostic.summary = fmt::format("module `{}`: {}", spec.module, diagnostic.summary);
            return tl::make_unexpected(std::move(diagnostic));
        }
        const TaPlan plan = plan_ta(*elf);
        const MemoryHash identity = memory_hash(*elf, plan);
        SignedTa ta;
        ta.uuid = uuid;
        ta.version = spec.svn;
        ta.elf = *elf;
        const Expected<std::vector<std::uint8_t>> file = sign_ta(ta, spec.signing, spec.module);
        if (!file) {
            return tl::make_unexpected(file.error());
        }
        if (spec.max_image_bytes != 0 && file->size() > spec.max_image_bytes) {
            return failure("image-too-large",
                           fmt::format("module `{}`: the image has {} bytes, more than its `max: "
                                       "image` of {}",
                                       spec.module,
                                       file->size(),
                                       spec.max_image_bytes));
        }
        image.bytes = file->size();
        image.labels = {{"uuid", to_text(uuid)},
                        {"version", std::to_string(ta.version)},
                        {"machine", plan.machine == Machine::aarch64 ? "aarch64" : "x86-64"}};
        image.identity.assign(identity.begin(), identity.end());
        return keep({reinterpret_cast<const char*>(file->data()), file->size()}, image);
    }

    Expected<bool> keep(std::string_view file, Image& image) const {
        image.path = cache_ / (compile::sha256_hex(file) + ".ta");
        std::error_code error;
        fs::create_directories(cache_, error);
        return fs::exists(image.path, error) ? Expected<bool>(true)
                                             : compile::write_file(image.path, file);
    }

    fs::path cache_;
    fs::path dev_kit_ = dev_kit();
    compile::ImageBuilder aarch64_;
    compile::ImageBuilder x86_64_;
};

} // namespace

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths) {
    return std::make_unique<TrustZoneBuilder>(paths);
}

} // namespace authex::tee::trustzone
