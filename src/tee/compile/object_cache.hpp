#pragma once
// Compiled objects by content: what went in (compiler, flags, source, every header that was read)
// names what came out.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::compile {

/// One translation unit.
struct CompileJob {
    std::filesystem::path source;       ///< absolute
    std::vector<std::string> arguments; ///< compiler and flags, without -c, -o, -MD and the source
    std::string display;                ///< how messages name it
};

class ObjectCache {
  public:
    explicit ObjectCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

    struct Object {
        std::filesystem::path path;
        std::string digest; ///< SHA-256 of the object
        bool cached = false;
    };
    /// The object of a job, compiled in `directory` where the cache has none. Thread-safe; also
    /// between processes.
    /// @error compile-failed: the compiler's output stands in `detail` | compiler-missing |
    /// file-unreadable | file-unwritable
    Expected<Object> compile(const CompileJob& job, const std::filesystem::path& directory);

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  private:
    Expected<Object> compile_anew(const CompileJob& job,
                                  const std::filesystem::path& directory,
                                  const std::string& name);
    /// Held by the thread that compiles under this name: the others wait and find its result.
    std::shared_ptr<std::mutex> turn_of(const std::string& name);
    Expected<std::string> file_digest(const std::filesystem::path& path);
    bool manifest_holds(const std::filesystem::path& manifest, Object& object);
    Expected<bool> remember(const std::filesystem::path& manifest,
                            const std::filesystem::path& dependencies,
                            const std::filesystem::path& directory,
                            const Object& object);

    std::filesystem::path folder_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::string> digests_; ///< of files seen in this process
    std::unordered_map<std::string, std::shared_ptr<std::mutex>> turns_;
};

} // namespace authex::tee::compile
