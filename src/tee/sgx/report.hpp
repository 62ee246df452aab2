#pragma once
// The body of an enclave's REPORT, as quotes carry it.              (Intel SDM vol. 3D, table
// 35-21)

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

constexpr std::size_t report_body_bytes = 384;
constexpr std::size_t sgx_report_data_bytes = 64;
constexpr std::size_t measurement_bytes = 32;

using Measurement = std::array<std::uint8_t, measurement_bytes>;

/// ATTRIBUTES.flags. (table 35-3)
namespace attribute {
constexpr std::uint64_t init = 1U << 0;
constexpr std::uint64_t debug = 1U << 1;
constexpr std::uint64_t mode64 = 1U << 2;
constexpr std::uint64_t provision_key = 1U << 4;
constexpr std::uint64_t einit_token_key = 1U << 5;
} // namespace attribute

struct Attributes {
    std::uint64_t flags = 0; ///< attribute::*
    std::uint64_t xfrm = 0;  ///< processor states that the enclave may use, as in XCR0
    bool operator==(const Attributes&) const = default;
};

/// Who an enclave is, and 64 bytes that it chose.
struct ReportBody {
    std::array<std::uint8_t, 16> cpu_svn{};
    std::uint32_t misc_select = 0;
    Attributes attributes;
    Measurement mrenclave{};
    Measurement mrsigner{};
    std::uint16_t isv_prod_id = 0;
    std::uint16_t isv_svn = 0;
    std::array<std::uint8_t, sgx_report_data_bytes> report_data{};

    [[nodiscard]] bool debug() const { return (attributes.flags & attribute::debug) != 0; }
};

/// @pre bytes.size() == report_body_bytes. What is reserved, and what belongs to Key Separation and
/// Sharing, is left aside.
[[nodiscard]] ReportBody parse_report_body(ByteView bytes);

/// The other way round; what the structure leaves aside is zero. @pre bytes.size() ==
/// report_body_bytes
void write_report_body(const ReportBody& body, Bytes bytes);

} // namespace authex::tee::sgx
