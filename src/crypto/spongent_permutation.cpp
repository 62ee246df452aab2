// One round: the round counter is added at both ends of the state, every nibble goes through the
// S-box, bit j moves to j·(bits/4) mod (bits-1).
//
// Of the w bits in one sixteenth of the state, let c be a bit's number there, and let b and a be
// the numbers of its lane and its vector. It is bit k = (w·b + c) mod 4 of nibble w·a + i, where
// i = (w·b + c) div 4, and the S-box wants bit k of all nibbles in vector k. So bits go from
// (a, b, c) to (k, a, i): vectors and lanes are transposed, and vectors are moved by c, which
// depends on the place in a lane alone. After the S-box (k, a, i) is already where the bit moves
// to: w·(4·k + a) + i = k·(bits/4) + nibble.
//
// From c to i: 4·i + k = w·b + c, so i = (c - k)/4 modulo w. The division is never done: after t
// rounds, bit c lies at c·4^t mod w of its lane, and what is left of it is a rotation by k·4^t.
#include "crypto/spongent_permutation.hpp"

#include <array>
#include <utility>

namespace authex::crypto::spongent {
namespace {

/// Where bit `c` of a lane lies before round `round`.
template <typename Level>
constexpr unsigned place(unsigned c, unsigned round) {
    for (unsigned i = 0; i < round; ++i) {
        c = c * 4 % lane_bits<Level>;
    }
    return c;
}

/// After so many rounds each bit lies at its number again.
template <typename Level>
constexpr unsigned period = lane_bits<Level> == 21 ? 3 : 5;
static_assert(place<Level128>(1, period<Level128>) == 1 && place<Level64>(1, period<Level64>) == 1);

/// The bits whose number satisfies `has`, where they lie before the round.
template <typename Level, typename Has>
constexpr std::uint32_t bits_where(unsigned round, Has has) {
    std::uint32_t bits = 0;
    for (unsigned c = 0; c < lane_bits<Level>; ++c) {
        bits |= std::uint32_t{has(c)} << place<Level>(c, round);
    }
    return bits;
}

/// What a round adds to the first lane of the first vector, and to the last of the last.
struct RoundConstant {
    std::uint32_t first;
    std::uint32_t last;
};

template <typename Level>
constexpr std::array<RoundConstant, Level::rounds> make_round_constants() {
    std::array<RoundConstant, Level::rounds> constants{};
    unsigned counter = Level::counter_start;
    for (unsigned round = 0; round < Level::rounds; ++round) {
        const auto bit = [counter](unsigned c) { return c < 8 && ((counter >> c) & 1U) != 0; };
        const auto mirrored = [bit](unsigned c) { return bit(lane_bits<Level> - 1 - c); };
        constants[round] = {.first = bits_where<Level>(round % period<Level>, bit),
                            .last = bits_where<Level>(round % period<Level>, mirrored)};
        const auto parity = static_cast<unsigned>(__builtin_parity(counter & Level::counter_taps));
        counter = ((counter << 1U) | parity) & ((1U << Level::counter_bits) - 1U);
    }
    return constants;
}
template <typename Level>
constexpr std::array<RoundConstant, Level::rounds> round_constants = make_round_constants<Level>();

/// Vectors become lanes.
[[gnu::always_inline]] inline void transpose(State& s) {
    const Lanes low01 = __builtin_shufflevector(s[0], s[1], 0, 4, 1, 5);
    const Lanes low23 = __builtin_shufflevector(s[2], s[3], 0, 4, 1, 5);
    const Lanes high01 = __builtin_shufflevector(s[0], s[1], 2, 6, 3, 7);
    const Lanes high23 = __builtin_shufflevector(s[2], s[3], 2, 6, 3, 7);
    s[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    s[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    s[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    s[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

/// The S-box E D B 0 2 1 4 F 7 A 8 5 9 C 3 6 on nibbles whose bits k are in s[k].
[[gnu::always_inline]] inline void substitute(State& s) {
    const Lanes d = s[3];
    const Lanes u = s[0] ^ (s[1] & s[2]);
    const Lanes v = s[1] ^ s[2];
    const Lanes w = u ^ (v & ~d);
    const Lanes x = u ^ s[1];
    s[0] = x ^ d;
    s[2] = ~(v ^ (u & d));
    s[1] = s[2] ^ w;
    s[3] = ((s[0] ^ s[1]) & ~w) ^ x;
}

template <typename Level>
[[gnu::always_inline]] inline Lanes rotated(Lanes lanes, unsigned left) {
    return (lanes << left) | (lanes >> (lane_bits<Level> - left));
}

template <typename Level, unsigned round>
[[gnu::always_inline]] inline void do_round(State& s, RoundConstant constant) {
    constexpr unsigned w = lane_bits<Level>;
    constexpr auto odd = bits_where<Level>(round, [](unsigned c) { return c % 2 == 1; });
    constexpr auto even = bits_where<Level>(round, [](unsigned c) { return c % 2 == 0; });
    constexpr auto moves_by_two = bits_where<Level>(round, [](unsigned c) { return c % 4 >= 2; });
    s[0] ^= Lanes{constant.first, 0, 0, 0};
    s[3] ^= Lanes{0, 0, 0, constant.last};
    transpose(s);
    State by_one;
    for (unsigned k = 0; k < 4; ++k) { // w is its own inverse modulo 4
        by_one[k] = (s[w * k % 4] & even) | (s[w * (k + 3) % 4] & odd);
    }
    for (unsigned k = 0; k < 2; ++k) {
        const Lanes different = (by_one[k] ^ by_one[k + 2]) & moves_by_two;
        s[k] = by_one[k] ^ different;
        s[k + 2] = by_one[k + 2] ^ different;
    }
    constexpr unsigned lefts[] = {
        w, w - place<Level>(1, round), w - place<Level>(2, round), w - place<Level>(3, round)};
    for (unsigned k = 1; k < 4; ++k) {
        s[k] = rotated<Level>(s[k], lefts[k]);
    }
    substitute(s);
}

template <typename Level, std::size_t... round>
[[gnu::always_inline]] inline void
do_rounds(State& s, const RoundConstant*& constant, std::index_sequence<round...> /*first*/) {
    (do_round<Level, round>(s, *constant++), ...);
}

/// The bits that are rotated by `left` to lie at their numbers after the last round.
template <typename Level, unsigned left>
constexpr std::uint32_t turning = bits_where<Level>(Level::rounds % period<Level>, [](unsigned c) {
    return (place<Level>(c, Level::rounds % period<Level>) + left) % lane_bits<Level> == c;
});

template <typename Level, std::size_t... left>
[[gnu::always_inline]] inline void put_back(State& s, std::index_sequence<left...> /*all*/) {
    for (Lanes& lanes : s) {
        lanes = (rotated<Level>(lanes & turning<Level, left>, left) | ...);
    }
}

} // namespace

template <typename Level>
void permute(State& state) {
    constexpr unsigned rest = Level::rounds % period<Level>;
    const RoundConstant* constant = round_constants<Level>.data();
    for (unsigned i = 0; i < Level::rounds / period<Level>; ++i) {
        do_rounds<Level>(state, constant, std::make_index_sequence<period<Level>>());
    }
    if constexpr (rest != 0) {
        do_rounds<Level>(state, constant, std::make_index_sequence<rest>());
        put_back<Level>(state, std::make_index_sequence<lane_bits<Level>>());
    }
}

template void permute<Level128>(State& state);
template void permute<Level64>(State& state);

} // namespace authex::crypto::spongent
