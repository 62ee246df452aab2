#pragma once
// What Intel says of a platform in its PCK certificate.
//              (Intel SGX PCK Certificate and CRL Profile Specification §1.3.5, OID
//              1.2.840.113741.1.13.1)

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee::sgx {

constexpr auto pck_extension_oid = "1.2.840.113741.1.13.1";
constexpr std::size_t tcb_components = 16;

/// Which security updates a platform has: one number for each of its parts, compared one by one.
struct TcbSvns {
    std::array<std::uint8_t, tcb_components> components{};
    std::uint16_t pce = 0;
    bool operator==(const TcbSvns&) const = default;
    /// Each number at least that of `other`.
    [[nodiscard]] bool covers(const TcbSvns& other) const;
};

struct PckExtension {
    std::array<std::uint8_t, 6> fmspc{}; ///< family, model, stepping, platform, custom SKU
    std::array<std::uint8_t, 2> pce_id{};
    TcbSvns tcb;
};

/// @param content of the extension. Each member must be there once; others are left aside.
/// @error pck-extension
[[nodiscard]] Expected<PckExtension> parse_pck_extension(ByteView content);

} // namespace authex::tee::sgx
