#pragma once
// What a node shows of a trusted application: what the attestation PTA of its OP-TEE said of the
// TA's memory. The nonce is the report data, which the relying party knows.
//
//   0    4 "AXTZ"
//   4    4 version, 1         little-endian
//   8   32 hash               of the memory that the TA cannot write
//  40  384 signature          RSASSA-PSS, SHA-256, salt of 32 bytes, under the device's key, of
//                             SHA-256(nonce ‖ hash)                 (OP-TEE,
//                             `core/pta/attestation.c`)

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee::trustzone {

constexpr std::size_t memory_hash_bytes = 32;
constexpr std::size_t device_signature_bytes = 384;
constexpr std::size_t statement_bytes = memory_hash_bytes + device_signature_bytes;
constexpr std::size_t evidence_bytes = 8 + statement_bytes;
/// The device's key is RSA-3072 with the exponent 65537; known by its modulus, big-endian.
constexpr std::size_t device_modulus_bytes = 384;

struct Evidence {
    std::array<std::uint8_t, memory_hash_bytes> hash{};
    std::array<std::uint8_t, device_signature_bytes> signature{};
};

/// @param statement what the TA gave: hash, then signature. @pre statement.size() ==
/// statement_bytes
[[nodiscard]] std::vector<std::uint8_t> write_evidence(ByteView statement);
/// The signature is not checked. @error evidence-malformed
[[nodiscard]] Expected<Evidence> parse_evidence(ByteView bytes);

} // namespace authex::tee::trustzone
