#pragma once
// Links what was compiled, and keeps what came out by what went in: the same is linked once.

#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/sancus/linked_elf.hpp"

namespace authex::tee::sancus {

class Linker {
  public:
    /// @param folder of the objects; what was linked lies beside them
    explicit Linker(std::filesystem::path folder) : folder_(std::move(folder)) {}

    struct Job {
        std::vector<std::string> options;
        std::filesystem::path script; ///< empty: none
        /// Named by their content, as ObjectCache names them.
        std::vector<std::filesystem::path> objects;
    };
    /// Thread-safe; also between processes.
    /// @error link-failed: what the linker said stands in `detail` | compiler-missing |
    /// file-unreadable | file-unwritable | image-malformed
    Expected<LinkedElf> link(const Job& job);

  private:
    std::filesystem::path folder_;
};

} // namespace authex::tee::sancus
