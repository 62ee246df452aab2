#pragma once
// X25519 over BearSSL, constant time.                                                          (RFC
// 7748 §5)

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace authex::crypto {

constexpr std::size_t dh_bytes = 32;
using DhKey = std::array<std::uint8_t, dh_bytes>;
using DhKeyView = std::span<const std::uint8_t, dh_bytes>;

/// @error malformed: the result is all zero (a point of small order).
[[nodiscard]] Error
x25519(DhKeyView secret, DhKeyView point, std::span<std::uint8_t, dh_bytes> shared);
/// The public key of a secret (any 32 random bytes; clamped inside).
void x25519_public(DhKeyView secret, std::span<std::uint8_t, dh_bytes> public_key);

} // namespace authex::crypto
