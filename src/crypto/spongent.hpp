#pragma once
// Authenticated encryption and MAC of Sancus 2.0 at 128 bits of security: SpongeWrap (Bertoni et
// al., "Duplexing the Sponge", SAC 2011) over SPONGENT, with 16 data bits, one frame bit and one
// pad bit a call. Constant time: no secret decides about a branch or an address.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace authex::crypto::spongent {

constexpr std::size_t key_bytes = 16;
constexpr std::size_t tag_bytes = 16;
using KeyView = std::span<const std::uint8_t, key_bytes>;
using Tag = std::span<std::uint8_t, tag_bytes>;
using TagView = std::span<const std::uint8_t, tag_bytes>;

/// Encrypts `body` in place. `tag` must not overlap `body`. With an empty body it is Sancus' MAC
/// over `associated`, and its key derivation.
void wrap(KeyView key, ByteView associated, Bytes body, Tag tag);
/// Decrypts `body` in place. @return false: the tag does not verify; the body is then zeroed.
[[nodiscard]] bool unwrap(KeyView key, ByteView associated, Bytes body, TagView tag);

} // namespace authex::crypto::spongent
