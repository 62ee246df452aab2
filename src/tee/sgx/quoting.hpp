#pragma once
// Who makes quotes of the reports of a machine's enclaves.

#include <array>

#include "base/diagnostic.hpp"
#include "tee/sgx/evidence.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

using TargetInfo = std::array<std::uint8_t, sgx_target_bytes>;

/// Thread-safe. Calls may take some hundred milliseconds.
class Quoting {
  public:
    virtual ~Quoting() = default;
    /// TARGETINFO of the Quoting Enclave: whom enclaves make their reports for.
    [[nodiscard]] virtual Expected<TargetInfo> target() = 0;
    /// A quote, and the collateral that this machine has for it, which may be none.
    /// @pre report.size() == sgx_report_bytes
    [[nodiscard]] virtual Expected<Evidence> quote(ByteView report) = 0;
};

} // namespace authex::tee::sgx
