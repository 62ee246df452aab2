#pragma once
// Enclaves on a node: each in a process of its own, over a simulated processor, and vouched for by
// a simulated Quoting Enclave.

#include <filesystem>
#include <memory>

#include "tee/loader.hpp"
#include "tee/sgx/simulator/platform.hpp"

namespace authex::tee::sgx {

struct LoaderOptions {
    std::filesystem::path state_directory; ///< the node's simulated machine lives here
    /// Empty: AUTHEX_SGX_HOST_PROGRAM, else ../lib/authex/authex-sgx-host or authex-sgx-host beside
    /// this program.
    std::filesystem::path host_program;
    std::size_t ring_bytes = 0;  ///< each way, a power of two; 0: 512 KiB
    std::uint32_t spin_us = 200; ///< as of native modules
};

/// Thread-safe; the links that it makes are not. start() and adopt() may block for some
/// milliseconds.
class SgxLoader final : public Loader {
  public:
    /// @error as SimulatedPlatform::open | host-missing
    static Expected<std::unique_ptr<SgxLoader>> open(LoaderOptions options);

    [[nodiscard]] TeeInfo info() const override;
    /// `spec.image_sha256` is the MRENCLAVE. @error image-unreadable | image-mismatch |
    /// image-malformed | already-running | as process::spawn_host
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// Evidence (evidence.hpp) of the enclave that made the report behind the report data,
    /// whichever it is.
    /// @error report-data | report-forged
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;

  private:
    SgxLoader(LoaderOptions options, SimulatedPlatform platform)
        : options_(std::move(options)), platform_(std::move(platform)) {}

    LoaderOptions options_;
    SimulatedPlatform platform_;
};

} // namespace authex::tee::sgx
