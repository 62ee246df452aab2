#pragma once
// The state as four planes: bit n of plane k is bit k of nibble n. What the variants on 64-bit
// words share; they differ in how planes are gathered from the state.

#include <cstddef>
#include <cstdint>

#include "crypto/spongent_permutation.hpp"

namespace authex::crypto::spongent {

template <typename Level>
inline constexpr std::size_t plane_bits = Level::state_bits / 4;
template <typename Level>
inline constexpr std::size_t plane_words = (plane_bits<Level> + 63) / 64;

/// Word g of plane k, at [g][k]: four words of the state make the four words of one g.
template <typename Level>
struct Planes {
    std::uint64_t words[plane_words<Level>][4];
};

/// The S-box E D B 0 2 1 4 F 7 A 8 5 9 C 3 6 on 64 nibbles, whose bits k are in p[k].
[[gnu::always_inline]] inline void substitute(std::uint64_t (&p)[4]) {
    const std::uint64_t a = p[0];
    const std::uint64_t b = p[1];
    const std::uint64_t c = p[2];
    const std::uint64_t d = p[3];
    const std::uint64_t u = a ^ (b & c);
    const std::uint64_t v = b ^ c;
    const std::uint64_t w = u ^ (v & ~d);
    const std::uint64_t x = u ^ b;
    p[0] = x ^ d;
    p[2] = ~(v ^ (u & d));
    p[1] = p[2] ^ w;
    p[3] = ((p[0] ^ p[1]) & ~w) ^ x;
}

/// The S-boxes, then plane after plane: that is the state after the round.
template <typename Level>
[[gnu::always_inline]] inline void substitute_and_spread(Planes<Level>& planes,
                                                         WordsOf<Level>& state) {
    state = {};
    for (std::size_t g = 0; g < plane_words<Level>; ++g) {
        const std::size_t bits = plane_bits<Level> - 64 * g;
        const std::uint64_t used =
            bits < 64 ? (std::uint64_t{1} << (bits % 64)) - 1 : ~std::uint64_t{0};
        substitute(planes.words[g]);
        for (std::size_t k = 0; k < 4; ++k) {
            const std::uint64_t word = planes.words[g][k] & used;
            const std::size_t at = plane_bits<Level> * k + 64 * g;
            state[at / 64] |= word << (at % 64);
            if (at % 64 != 0 && at / 64 + 1 < state.size()) {
                state[at / 64 + 1] |= word >> (64 - at % 64);
            }
        }
    }
}

} // namespace authex::crypto::spongent
