#pragma once
// Native modules on a node: started in processes of their own through authex-host, found again, and
// vouched for by the node's development key.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "tee/loader.hpp"
#include "tee/native/evidence_key.hpp"

namespace authex::tee::native {

constexpr std::uint32_t module_spin_max_us = 1000;

struct LoaderOptions {
    std::filesystem::path state_directory; ///< the node's evidence key lives here
    /// Empty: AUTHEX_HOST_PROGRAM, else ../lib/authex/authex-host or authex-host beside this
    /// program.
    std::filesystem::path host_program;
    std::size_t ring_bytes = 0; ///< each way, a power of two; 0: 512 KiB
    /// The longest wait of a module in which it looks at its rings instead of sleeping; see
    /// process::AdaptiveSpin. At most module_spin_max_us.
    std::uint32_t spin_us = 200;
};

/// Thread-safe; the links that it makes are not. start() and adopt() may block for some
/// milliseconds.
class NativeLoader final : public Loader {
  public:
    /// @error as EvidenceKey::open | host-missing
    static Expected<std::unique_ptr<NativeLoader>> open(LoaderOptions options);

    [[nodiscard]] TeeInfo info() const override;
    /// @error image-unreadable | image-mismatch: not the spec's SHA-256 | image-malformed |
    /// already-running | stack-size | as process::spawn_host
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// @error not-running | image-mismatch: what runs there is another image | module-files
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// For modules that were started or adopted from the spec's image.
    /// @error not-running | report-data: not 32 bytes | evidence-key
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;

  private:
    NativeLoader(LoaderOptions options, EvidenceKey key)
        : options_(std::move(options)), key_(std::move(key)) {}
    void remember(const ModuleSpec& spec);

    LoaderOptions options_;
    EvidenceKey key_;
    std::mutex mutex_;
    /// The image that each module really runs, by deployment and name.
    std::map<std::pair<std::uint16_t, std::string>, Sha256> running_;
};

} // namespace authex::tee::native
