#pragma once
// Which genuine quotes a relying party takes.

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/sgx/report.hpp"
#include "tee/sgx/verifier/step.hpp"
#include "tee/sgx/verifier/tcb_status.hpp"

namespace authex::tee::sgx {

struct Policy {
    /// Never taken: revoked, not_supported.
    std::set<TcbStatus> accepted = {TcbStatus::up_to_date};
    /// Where given, a status of software hardening is taken only if all its advisories are in here:
    /// those that the enclave's code is known to mitigate.
    std::optional<std::set<std::string>> mitigated;
    bool allow_debug = false;
    std::optional<Measurement> mrenclave;
    std::optional<Measurement> mrsigner;
    std::optional<std::uint16_t> isv_prod_id;
    std::uint16_t isv_svn_min = 0;
    /// Collateral of an older evaluation is refused, even where it has not expired.
    std::uint32_t evaluation_min = 0;
    std::optional<std::array<std::uint8_t, sgx_report_data_bytes>> report_data;
};

/// What is known of a genuine quote.
struct Standing {
    TcbStatus status = TcbStatus::not_supported; ///< platform and Quoting Enclave together
    bool advisories_known = false;
    std::vector<std::string> advisories;
    std::uint32_t evaluation_number = 0; ///< the smaller one of both statements
};

/// Tells `steps` each thing that it looked at, up to the first that is refused.
void apply_policy(const Policy& policy,
                  const ReportBody& body,
                  const Standing& standing,
                  Steps& steps);

} // namespace authex::tee::sgx
