#pragma once
// EGETKEY of a simulated processor: keys for an enclave that depend on who it is.
//                (Intel SDM vol. 3D, EGETKEY; tables 35-22 KEYREQUEST, 38-64 key derivation)

#include "base/bytes.hpp"
#include "tee/sgx/report.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

constexpr std::size_t key_request_bytes = 512;

namespace key_name {
constexpr std::uint16_t einit_token = 0;
constexpr std::uint16_t provision = 1;
constexpr std::uint16_t provision_seal = 2;
constexpr std::uint16_t report = 3;
constexpr std::uint16_t seal = 4;
} // namespace key_name

namespace key_policy {
constexpr std::uint16_t mrenclave = 1U << 0;
constexpr std::uint16_t mrsigner = 1U << 1;
} // namespace key_policy

/// What RAX is after EGETKEY.
namespace key_error {
constexpr std::uint32_t none = 0;
constexpr std::uint32_t invalid_attribute = 1U << 1;
constexpr std::uint32_t invalid_cpu_svn = 1U << 5;
constexpr std::uint32_t invalid_isv_svn = 1U << 6;
constexpr std::uint32_t invalid_key_name = 1U << 8;
} // namespace key_error

struct KeyRequest {
    std::uint16_t name = 0;
    std::uint16_t policy = 0;
    std::uint16_t isv_svn = 0;
    std::array<std::uint8_t, 16> cpu_svn{};
    Attributes attribute_mask;
    std::array<std::uint8_t, key_id_bytes> key_id{};
    std::uint32_t misc_mask = 0;
};

/// @return nothing where a reserved field is not zero: #GP. Key Separation and Sharing, which no
/// enclave of Authex asks for, is reserved here. @pre bytes.size() == key_request_bytes
[[nodiscard]] bool parse_key_request(ByteView bytes, KeyRequest& into);

/// The keys of reports and of sealing. @return key_error::*; only with `none` is `key` filled in
[[nodiscard]] std::uint32_t
derive_key(const CpuKey& root, const ReportBody& self, const KeyRequest& request, DerivedKey& key);

} // namespace authex::tee::sgx
