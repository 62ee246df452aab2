#pragma once
// Enclaves on a node, each in a process of its own, and vouched for by the machine's Quoting
// Enclave: on the processor's own hardware, or simulated.

#include <filesystem>
#include <memory>
#include <optional>

#include "tee/loader.hpp"
#include "tee/sgx/aesm.hpp"
#include "tee/sgx/quote_library.hpp"
#include "tee/sgx/simulator/platform.hpp"

namespace authex::tee::sgx {

struct LoaderOptions {
    std::filesystem::path state_directory; ///< where a simulated machine and collateral live
    bool simulate = false;                 ///< else the hardware is needed
    bool hide = false; ///< simulated enclaves are out of their host's reach, which is slow
    std::filesystem::path device = "/dev/sgx_enclave"; ///< that there must be
    std::filesystem::path aesm = aesm_socket;
    std::string quote_library = quote_library_name; ///< where there is no such socket
    /// Empty: AUTHEX_SGX_HOST_PROGRAM, else ../lib/authex/authex-sgx-host or authex-sgx-host beside
    /// this program.
    std::filesystem::path host_program;
    std::size_t ring_bytes = 0;  ///< each way, a power of two; 0: 512 KiB
    std::uint32_t spin_us = 200; ///< as of native modules
};

/// Thread-safe; the links that it makes are not. start() and adopt() may block for some
/// milliseconds; with hardware, start() and evidence() for as long as quoting takes.
class SgxLoader final : public Loader {
  public:
    /// @error as SimulatedPlatform::open | host-missing | sgx-missing: no hardware, or no driver
    static Expected<std::unique_ptr<SgxLoader>> open(LoaderOptions options);

    [[nodiscard]] TeeInfo info() const override;
    /// `spec.image_sha256` is of the file. @error image-unreadable | image-mismatch |
    /// image-malformed | already-running | sgx-… | aesm-… | quote-library-… | as
    /// process::spawn_host
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// Evidence (evidence.hpp) of the enclave that made the report behind the report data,
    /// whichever it is. @error report-data | report-forged | aesm-… | quote-library-…
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;
    /// The quote alone; the machine's collateral, where it has some, is kept in the state's folder,
    /// in `sgx-collateral`. @error as evidence() | file-unwritable
    Expected<std::vector<std::uint8_t>> certificate_evidence(const ModuleSpec& spec,
                                                             ByteView report) override;

  private:
    explicit SgxLoader(LoaderOptions options) : options_(std::move(options)) {}
    [[nodiscard]] Expected<bool> write_host_files(const ModuleSpec& spec,
                                                  const std::filesystem::path& directory);

    LoaderOptions options_;
    std::optional<SimulatedPlatform> simulated_;
    std::unique_ptr<Quoting> quoting_;
};

} // namespace authex::tee::sgx
