#pragma once
// SIGSTRUCT: the vendor's word on an enclave.                     (Intel SDM vol. 3D, table 34-21)

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

constexpr std::size_t sigstruct_bytes = 1808;
constexpr std::size_t rsa_bytes = 384;           ///< RSA-3072, exponent 3
constexpr std::size_t signed_fields_bytes = 256; ///< what of it is signed

using RsaNumber = std::array<std::uint8_t, rsa_bytes>; ///< little-endian

struct Sigstruct {
    std::uint32_t date = 0; ///< BCD: 0x20261126
    std::uint32_t misc_select = 0;
    std::uint32_t misc_mask = 0xFFFFFFFF;
    Attributes attributes;
    Attributes attributes_mask; ///< bits that must be as above
    Measurement enclave_hash{};
    std::uint16_t isv_prod_id = 0;
    std::uint16_t isv_svn = 0;
    RsaNumber modulus{};
    RsaNumber signature{};
    RsaNumber q1{}; ///< for the processor: ⌊signature² / modulus⌋, …
    RsaNumber q2{};
};

/// @return nothing where a constant field is another
[[nodiscard]] bool parse_sigstruct(ByteView bytes, Sigstruct& into);
/// @pre bytes.size() == sigstruct_bytes
void write_sigstruct(const Sigstruct& fields, Bytes bytes);

/// The bytes that are signed. @pre sigstruct.size() == sigstruct_bytes
[[nodiscard]] std::array<std::uint8_t, signed_fields_bytes> signed_fields(ByteView sigstruct);

/// RSASSA-PKCS1-v1_5 with SHA-256, exponent 3.
[[nodiscard]] bool signature_holds(ByteView sigstruct);

/// MRSIGNER: SHA-256 of the modulus as it is stored.
[[nodiscard]] Measurement signer_of(const Sigstruct& fields);

} // namespace authex::tee::sgx
