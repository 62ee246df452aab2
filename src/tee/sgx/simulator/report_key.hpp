#pragma once
// What a simulated processor derives its keys from, and what it signs reports with. Same inputs as
// the hardware's, another root: none of it means anything outside of one node.  (Intel SDM vol. 3D,
// EREPORT, EGETKEY)

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

constexpr std::size_t sgx_report_bytes = 432;
constexpr std::size_t sgx_target_bytes = 512;
constexpr std::size_t key_bytes = 16;
constexpr std::size_t key_id_bytes = 32;

using CpuKey = std::array<std::uint8_t, key_bytes>; ///< root of one simulated processor
using DerivedKey = std::array<std::uint8_t, key_bytes>;

/// AES-128-CMAC. (NIST SP 800-38B)
[[nodiscard]] DerivedKey cmac(const DerivedKey& key, ByteView message);

/// Who a report is for: its Quoting Enclave.
struct Target {
    Measurement mrenclave{};
    Attributes attributes;
    std::uint32_t misc_select = 0;
};
/// @pre bytes.size() == sgx_target_bytes
[[nodiscard]] Target parse_target(ByteView bytes);
void write_target(const Target& target, Bytes bytes);

/// The key with which reports for this target are signed; the target itself gets it from EGETKEY.
[[nodiscard]] DerivedKey report_key(const CpuKey& root,
                                    const Target& target,
                                    std::span<const std::uint8_t, key_id_bytes> key_id);

/// A whole REPORT. @pre out.size() == sgx_report_bytes
void write_report(const CpuKey& root, const Target& target, const ReportBody& body, Bytes out);

/// @return whether this processor made the report for this target. @pre report.size() ==
/// sgx_report_bytes
[[nodiscard]] bool report_holds(const CpuKey& root, const Target& target, ByteView report);

} // namespace authex::tee::sgx
