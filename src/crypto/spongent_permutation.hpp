#pragma once
// The permutation behind spongent.hpp, variant by variant.
//
// One round: the round counter is added at both ends of the state, every nibble goes through the
// S-box, bit j moves to j·(bits/4) mod (bits-1). With nibbles counted from 0 and B = bits/16, bit m
// of nibble 4i+k so becomes bit k of nibble B·m+i: blocks of four nibbles are transposed as 4×4
// bits, then nibbles move.

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/spongent.hpp"

// 0 also where the processor must not be asked what it carries.
#ifndef AUTHEX_SPONGENT_X86
#if defined(__x86_64__)
#define AUTHEX_SPONGENT_X86 1
#else
#define AUTHEX_SPONGENT_X86 0
#endif
#endif

namespace authex::crypto::spongent {

/// What a round adds: `low` to the lowest bits, its mirror image `high` to the highest byte.
struct RoundConstant {
    std::uint8_t low;
    std::uint8_t high;
};

template <typename Level>
constexpr std::array<RoundConstant, Level::rounds> make_round_constants() {
    std::array<RoundConstant, Level::rounds> constants{};
    unsigned counter = Level::counter_start;
    for (RoundConstant& constant : constants) {
        unsigned mirrored = 0;
        unsigned parity = 0;
        for (unsigned bit = 0; bit < 8; ++bit) {
            mirrored |= ((counter >> bit) & 1U) << (7 - bit);
            parity ^= ((counter & Level::counter_taps) >> bit) & 1U;
        }
        constant.low = static_cast<std::uint8_t>(counter);
        constant.high = static_cast<std::uint8_t>(mirrored);
        counter = ((counter << 1U) | parity) & ((1U << Level::counter_bits) - 1U);
    }
    return constants;
}

template <typename Level>
inline constexpr std::array<RoundConstant, Level::rounds>
    round_constants = make_round_constants<Level>();

template <typename Level>
[[gnu::always_inline]] inline void add_constant(WordsOf<Level>& state, RoundConstant constant) {
    constexpr std::size_t top_byte = Level::state_bits - 8;
    state[0] ^= constant.low;
    state[top_byte / 64] ^= std::uint64_t{constant.high} << (top_byte % 64);
}

template <typename Level>
void permute_portable(WordsOf<Level>& state);
#if AUTHEX_SPONGENT_X86
template <typename Level>
void permute_bmi2(WordsOf<Level>& state);
template <typename Level>
void permute_avx512(WordsOf<Level>& state);
#endif

} // namespace authex::crypto::spongent
