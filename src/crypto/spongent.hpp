#pragma once
// SPONGENT-128: the sponge, authenticated encryption and MAC of Sancus 2.0 at 128-bit security.
//   permutation  Bogdanov et al., "SPONGENT: The Design Space of Lightweight Cryptographic
//   Hashing", IEEE ToC 2013: width 336 bits,
//                170 rounds, 8-bit round counter
//   SpongeWrap   Bertoni et al., "Duplexing the Sponge", SAC 2011, with 16 data bits, one frame bit
//   and one pad bit a call
// Plain code: one nibble after the other. The S-box is a table of 16 bytes, which lies in one cache
// line: no secret decides which line is touched.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace authex::crypto::spongent {

constexpr std::size_t key_bytes = 16;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t state_bytes = 42;

/// State bit i is bit (i mod 8) of byte (i div 8).
using State = std::array<std::uint8_t, state_bytes>;
using KeyView = std::span<const std::uint8_t, key_bytes>;
using Tag = std::span<std::uint8_t, tag_bytes>;
using TagView = std::span<const std::uint8_t, tag_bytes>;

/// All 170 rounds, in place.
void permute(State& state);

/// Encrypts `body` in place. `tag` must not overlap `body`.
void wrap(KeyView key, ByteView associated, Bytes body, Tag tag);
/// Decrypts `body` in place. @return false: the tag does not verify; the body is then zeroed.
[[nodiscard]] bool unwrap(KeyView key, ByteView associated, Bytes body, TagView tag);
/// The tag over `message` as associated data with an empty body: Sancus' MAC, and its key
/// derivation.
void mac(KeyView key, ByteView message, Tag tag);

} // namespace authex::crypto::spongent
