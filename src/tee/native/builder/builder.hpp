#pragma once
// Builds native modules: freestanding, static, reproducible byte for byte.

#include <filesystem>
#include <memory>
#include <string>

#include "tee/builder.hpp"
#include "tee/native/builder/object_cache.hpp"

namespace authex::tee::native {

/// Where the builder finds Authex itself and keeps its results.
struct BuilderPaths {
    std::filesystem::path home;  ///< has sdk/ and src/
    std::filesystem::path cache; ///< may be shared by applications and users' processes

    /// AUTHEX_HOME, then `<folder of the program>/../share/authex`, which in a build tree leads to
    /// the source tree; AUTHEX_CACHE, then XDG_CACHE_HOME/authex, then HOME/.cache/authex.
    /// @error home-missing: no folder with Authex' sources is found
    static Expected<BuilderPaths> find();
};

class NativeBuilder final : public Builder {
  public:
    explicit NativeBuilder(BuilderPaths paths);
    Expected<Image> build(const BuildSpec& spec) override;

  private:
    struct Objects {
        std::vector<std::filesystem::path> paths;
        std::string digests;
        bool cached = true;
    };
    Expected<Objects> compile(const BuildSpec& spec);
    Expected<std::filesystem::path>
    link(const BuildSpec& spec, const Objects& objects, bool& cached);

    BuilderPaths paths_;
    ObjectCache objects_;
};

} // namespace authex::tee::native
