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
    /// Keys lie in the folder: `sgx-root.pem` and `sgx-processor` (16 bytes), both made where there
    /// are none, mode 0600.
    /// @error signing-key | module-files
    static Expected<SimulatedPlatform> open(const std::filesystem::path& folder);

    [[nodiscard]] const CpuKey& processor() const { return processor_; }
    /// Whom enclaves of this machine make their reports for.
    [[nodiscard]] static Target quoting_enclave();
    /// x ‖ y of the root: who trusts it, trusts this simulation.
    [[nodiscard]] Point root() const { return public_point(*root_); }
    /// A quote of a report that an enclave of this machine has made, and all that it is checked
    /// with, which holds for a month.
    /// @error report-forged
    [[nodiscard]] Expected<Evidence> quote(ByteView report, UnixTime now) const;

  private:
    SimulatedPlatform(SharedKey root, const CpuKey& processor)
        : root_(std::move(root)), processor_(processor) {}
    SharedKey root_;
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
