#pragma once
// The key under which the attestation PTA of a simulated TEE signs.

#include <array>
#include <optional>

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

constexpr std::size_t device_key_bits = 3072;
constexpr std::size_t modulus_bytes = device_key_bits / 8;
constexpr std::size_t prime_bytes = modulus_bytes / 2;

/// RSA-3072, as its process gets it: p, q, d mod p−1, d mod q−1, 1/q mod p, big-endian.
struct DeviceKey {
    std::array<std::uint8_t, prime_bytes> p;
    std::array<std::uint8_t, prime_bytes> q;
    std::array<std::uint8_t, prime_bytes> dp;
    std::array<std::uint8_t, prime_bytes> dq;
    std::array<std::uint8_t, prime_bytes> iq;
};
static_assert(sizeof(DeviceKey) == 5 * prime_bytes);

using Signature = std::array<std::uint8_t, modulus_bytes>;

/// RSASSA-PSS with SHA-256, MGF1 and this salt. (RFC 8017 §8.1.1, §9.1.1) Empty optional: the key
/// is none.
std::optional<Signature> sign_pss(const DeviceKey& key,
                                  const std::array<std::uint8_t, 32>& hash,
                                  const std::array<std::uint8_t, 32>& salt);

} // namespace authex::tee::trustzone
