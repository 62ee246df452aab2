#pragma once
// SPONGENT's permutation, at both levels of Sancus 2.0, on vectors of four 32-bit lanes: SSE2 on
// x86-64, NEON on AArch64, words elsewhere. Constant time.
// (Bogdanov et al., "SPONGENT: The Design Space of Lightweight Cryptographic Hashing", IEEE ToC
// 2013)

#include <cstddef>
#include <cstdint>

namespace authex::crypto::spongent {

/// 128 bits of security: what Authex speaks.
struct Level128 {
    static constexpr std::size_t key_bytes = 16; ///< also a tag's
    static constexpr std::size_t state_bits = 336;
    static constexpr unsigned rounds = 170;
    static constexpr unsigned counter_bits = 8; ///< of the round counter, an LFSR
    static constexpr unsigned counter_start = 0x52;
    static constexpr unsigned counter_taps = 0x8E;
};

/// 64 bits of security: old firmware of Sancus nodes.
struct Level64 {
    static constexpr std::size_t key_bytes = 8;
    static constexpr std::size_t state_bits = 176;
    static constexpr unsigned rounds = 90;
    static constexpr unsigned counter_bits = 7;
    static constexpr unsigned counter_start = 0x45;
    static constexpr unsigned counter_taps = 0x60;
};

using Lanes = std::uint32_t __attribute__((vector_size(16)));
/// Sixteen lanes hold the state, one after the other: bit i is bit i mod w of lane i div w, where w
/// is lane_bits. What lies above in a lane says nothing.
using State = Lanes[4];
template <typename Level>
constexpr unsigned lane_bits = Level::state_bits / 16;

/// All rounds.
template <typename Level>
void permute(State& state);

} // namespace authex::crypto::spongent
