#pragma once
// How well a platform, or a Quoting Enclave, is kept up to date.
//          (Intel SGX and TDX Provisioning Certification Service API v4, "TCB Info", tcbStatus)

#include <cstdint>
#include <optional>
#include <string_view>

namespace authex::tee::sgx {

enum class TcbStatus : std::uint8_t {
    up_to_date,
    sw_hardening_needed,
    configuration_needed,
    configuration_and_sw_hardening_needed,
    out_of_date,
    out_of_date_configuration_needed,
    revoked,
    not_supported, ///< older than all that Intel lists
};

/// Intel's word: "UpToDate" … "Revoked"; "NotSupported" for the last.
[[nodiscard]] std::string_view to_text(TcbStatus status);
/// Nothing for a word that is none of Intel's list.
[[nodiscard]] std::optional<TcbStatus> parse_tcb_status(std::string_view word);

/// What both together are worth, as Intel's Quote Verification Library counts.
[[nodiscard]] TcbStatus combine(TcbStatus platform, TcbStatus quoting_enclave);

} // namespace authex::tee::sgx
