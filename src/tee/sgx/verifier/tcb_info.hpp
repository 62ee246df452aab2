#pragma once
// Intel's statements about platforms and Quoting Enclaves, signed and dated.
//          (Intel SGX and TDX Provisioning Certification Service API v4: TCB Info version 2 and 3,
//          Enclave Identity version 2)

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/sgx/report.hpp"
#include "tee/sgx/verifier/certificates.hpp"
#include "tee/sgx/verifier/pck_extension.hpp"
#include "tee/sgx/verifier/signed_json.hpp"
#include "tee/sgx/verifier/tcb_status.hpp"

namespace authex::tee::sgx {

struct TcbLevel {
    TcbSvns at_least;
    TcbStatus status = TcbStatus::not_supported;
    UnixTime date = 0; ///< up to which security advisories are counted
    std::vector<std::string> advisories;
};

/// The levels of platforms of one kind, best first.
struct TcbInfo {
    std::array<std::uint8_t, 6> fmspc{};
    std::array<std::uint8_t, 2> pce_id{};
    std::uint32_t evaluation_number = 0;
    bool has_advisories = false; ///< version 2 names none
    Period period;               ///< from issueDate to nextUpdate
    std::vector<TcbLevel> levels;
};

/// @error collateral-malformed | collateral-other (of TDX) | collateral-order (a level stands
/// before one that is better in all)
[[nodiscard]] Expected<TcbInfo> parse_tcb_info(const JsonValue& value);

/// The first level that the platform reaches; none: older than all.
[[nodiscard]] const TcbLevel* level_of(const TcbInfo& info, const TcbSvns& platform);

struct EnclaveLevel {
    std::uint16_t at_least = 0; ///< ISVSVN
    TcbStatus status = TcbStatus::not_supported;
    std::vector<std::string> advisories;
};

/// What the Quoting Enclave must be.
struct QeIdentity {
    std::uint32_t misc_select = 0;
    std::uint32_t misc_select_mask = 0;
    Attributes attributes;
    Attributes attributes_mask;
    Measurement mrsigner{};
    std::uint16_t isv_prod_id = 0;
    std::uint32_t evaluation_number = 0;
    Period period;
    std::vector<EnclaveLevel> levels;
};

/// @error collateral-malformed | collateral-other (of another enclave) | collateral-order
[[nodiscard]] Expected<QeIdentity> parse_qe_identity(const JsonValue& value);

[[nodiscard]] const EnclaveLevel* level_of(const QeIdentity& identity, std::uint16_t isv_svn);

} // namespace authex::tee::sgx
