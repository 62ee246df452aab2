#pragma once
// A simulated machine with SGX, as its node sees it: processor, Quoting Enclave, and provisioning
// under a root of its own.

#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/key_file.hpp"
#include "tee/sgx/evidence.hpp"
#include "tee/sgx/provisioning/authority.hpp"
#include "tee/sgx/quoting.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

/// Thread-safe.
class SimulatedPlatform {
  public:
    /// Keys lie in the folder, made where there are none, mode 0600: `sgx-root.pem`, those that it
    /// vouches for in `sgx-authority.pem`, `sgx-pck.pem` and `sgx-tcb-signing.pem`, and
    /// `sgx-processor` (16 bytes).
    /// @error signing-key | module-files
    static Expected<SimulatedPlatform> open(const std::filesystem::path& folder);

    [[nodiscard]] const CpuKey& processor() const { return processor_; }
    /// Whom enclaves of this machine make their reports for.
    [[nodiscard]] static Target quoting_enclave();
    /// x ‖ y of the root: who trusts it, trusts this simulation.
    [[nodiscard]] Point root() const { return public_point(*keys_.root); }
    /// A quote of a report that an enclave of this machine has made, and all that any of its quotes
    /// is checked with, which holds for a month.
    /// @error report-forged
    [[nodiscard]] Expected<Evidence> quote(ByteView report, UnixTime now) const;

  private:
    struct Keys {
        SharedKey root;
        SharedKey authority;   ///< of platforms
        SharedKey pck;         ///< of this platform
        SharedKey tcb_signing; ///< of what is said about platforms
    };
    SimulatedPlatform(Keys keys, const CpuKey& processor)
        : keys_(std::move(keys)), processor_(processor) {}
    Keys keys_;
    CpuKey processor_;
};

/// Its quoting service.
class SimulatedQuoting final : public Quoting {
  public:
    explicit SimulatedQuoting(SimulatedPlatform platform) : platform_(std::move(platform)) {}
    [[nodiscard]] Expected<TargetInfo> target() override;
    [[nodiscard]] Expected<Evidence> quote(ByteView report) override;

  private:
    SimulatedPlatform platform_;
};

} // namespace authex::tee::sgx
