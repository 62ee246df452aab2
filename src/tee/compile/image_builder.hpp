#pragma once
// Builds modules into images: freestanding, complete in themselves, reproducible byte for byte.
// What is special to one TEE is a recipe.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tee/builder.hpp"
#include "tee/compile/object_cache.hpp"

namespace authex::tee::compile {

/// Where a builder finds Authex itself and keeps its results.
struct BuilderPaths {
    std::filesystem::path home;  ///< has sdk/ and src/
    std::filesystem::path cache; ///< may be shared by applications and users' processes

    /// AUTHEX_HOME, then `<folder of the program>/../share/authex`, which in a build tree leads to
    /// the source tree; AUTHEX_CACHE, then XDG_CACHE_HOME/authex, then HOME/.cache/authex.
    /// @error home-missing: no folder with Authex' sources is found
    static Expected<BuilderPaths> find();
};

/// How the images of one TEE differ from those of others. Nothing in it may depend on where the
/// sources lie.
struct Recipe {
    std::string name;                             ///< of its folder in the cache
    std::vector<std::string> flags;               ///< of the compiler: target, position, code model
    std::string port_source;                      ///< from home; is given AUTHEX_OWNER_KEYS
    std::vector<std::string> port_sources;        ///< from home; the others of the port
    std::vector<std::string> link_flags;          ///< of ld.lld
    std::string link_script;                      ///< from home; may be empty
    std::vector<std::filesystem::path> libraries; ///< static ones, besides BearSSL
    /// Where BearSSL's static library lies, and the Debian package that brings it.
    std::vector<std::string> library_folders = {
        "/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/local/lib"};
    std::string library_package = "libbearssl-dev";
};

/// An image's identity is the SHA-256 of its file. A TEE that measures otherwise, or signs, has a
/// Builder of its own that uses this one.
class ImageBuilder final : public Builder {
  public:
    ImageBuilder(BuilderPaths paths, Recipe recipe);
    Expected<Image> build(const BuildSpec& spec) override;

  private:
    using Job = std::pair<CompileJob, std::filesystem::path>; ///< and where its compiler runs
    struct Objects {
        std::vector<std::filesystem::path> paths;
        std::string digests;
        bool cached = true;
    };
    [[nodiscard]] std::vector<Job> jobs_of(const BuildSpec& spec) const;
    Expected<Objects> compile(const std::vector<Job>& jobs);
    enum class Symbols : std::uint8_t { stripped, kept };
    Expected<std::filesystem::path>
    link(const BuildSpec& spec, const Objects& objects, Symbols symbols, bool& cached);
    Expected<StateLayout>
    state_of(const BuildSpec& spec, const Objects& objects, const std::filesystem::path& image);
    std::filesystem::path with_symbols(const BuildSpec& spec,
                                       const std::vector<std::uint8_t>& identity);

    BuilderPaths paths_;
    Recipe recipe_;
    ObjectCache objects_;
};

} // namespace authex::tee::compile
