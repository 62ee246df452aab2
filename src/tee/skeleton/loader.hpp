#pragma once
// Skeleton modules on a node: loaded into the manager's own process. They end with it, one that
// fails takes it along, and nothing keeps it from reading their keys.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "tee/loader.hpp"
#include "tee/skeleton/enclave.hpp"

namespace authex::tee::skeleton {

/// Thread-safe; the links that it makes are not.
class SkeletonLoader final : public Loader {
  public:
    [[nodiscard]] TeeInfo info() const override;
    /// @error image-unreadable | image-mismatch: not the spec's SHA-256 | already-running | as
    /// Enclave::load
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// Finds what this loader started. @error not-running | image-mismatch | module-files
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// @error not-running: nothing was started from the spec's image | report-data: not 32 bytes
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;

  private:
    std::mutex mutex_;
    std::map<std::filesystem::path, std::shared_ptr<Enclave>> enclaves_; ///< by their folders
};

} // namespace authex::tee::skeleton
