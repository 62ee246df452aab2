// The permutation on vectors: AVX-512 (F, BW, VBMI) and GFNI. The state lies in one register of 64
// bytes, each round is eight instructions deep, and every index is a constant.
//
// Four blocks of four nibbles share eight bytes, a "square" of 8×8 bits: row r of block 0 is the
// low nibble of row r, of block 1 that of row 4+r; of block 2 the high nibble of row r, of block 3
// that of row 4+r. Transposing the square transposes all four.
#include "crypto/spongent_permutation.hpp"

#if AUTHEX_SPONGENT_X86

#include <immintrin.h>

namespace authex::crypto::spongent {
namespace {

constexpr std::size_t vector_bytes = 64;
using Indices = std::array<std::uint8_t, vector_bytes>;

/// Where a nibble lies in a vector.
struct Place {
    std::size_t byte;
    bool high;
};

template <typename Level>
struct Layout {
    static constexpr std::size_t blocks = Level::state_bits / 16;
    static constexpr std::size_t nibbles = Level::state_bits / 4;

    /// The square's number and the block's place in it. The blocks that the round constants meet,
    /// the first and last two, come first.
    static constexpr std::size_t slot(std::size_t block) { return (block + 2) % blocks; }

    /// Nibble n of the state. Rows lie backwards, as the instruction that transposes takes them.
    static constexpr Place before(std::size_t n) {
        const std::size_t at = slot(n / 4);
        return {at / 4 * 8 + 7 - (at % 2 * 4 + n % 4), at % 4 >= 2};
    }
    /// Nibble n of the state that follows, after the transposition.
    static constexpr Place after(std::size_t n) {
        const std::size_t at = slot(n % blocks);
        return {at / 4 * 8 + at % 4 / 2 * 4 + n / blocks, at % 2 == 1};
    }
    static constexpr Place packed(std::size_t n) { return {n / 2, n % 2 == 1}; }
};

/// For each byte of a vector whose nibbles lie as `to`: where its low (or high) nibble comes from,
/// as an index into a vector with nibbles as `from`, followed by the same shifted right by four.
template <typename Level>
constexpr Indices indices(Place (*from)(std::size_t), Place (*to)(std::size_t), bool high) {
    Indices result{};
    for (std::size_t n = 0; n < Layout<Level>::nibbles; ++n) {
        if (to(n).high == high) {
            result[to(n).byte] =
                static_cast<std::uint8_t>(from(n).byte + (from(n).high ? vector_bytes : 0));
        }
    }
    return result;
}

/// Moves of nibbles: from one round to the next, from words, to words. Low and high nibbles.
template <typename Level>
struct Moves {
    using L = Layout<Level>;
    Indices next[2] = {indices<Level>(L::after, L::before, false),
                       indices<Level>(L::after, L::before, true)};
    Indices in[2] = {indices<Level>(L::packed, L::before, false),
                     indices<Level>(L::packed, L::before, true)};
    Indices out[2] = {indices<Level>(L::after, L::packed, false),
                      indices<Level>(L::after, L::packed, true)};
};
template <typename Level>
constexpr Moves<Level> moves{};

/// What the next round's constant is in the first square of this one, before the transposition:
/// each of its bits comes from another row. None follows the last round.
template <typename Level>
constexpr std::array<std::uint64_t, Level::rounds> make_square_constants() {
    using L = Layout<Level>;
    std::array<std::uint64_t, Level::rounds> constants{};
    for (std::size_t round = 0; round + 1 < Level::rounds; ++round) {
        const RoundConstant added = round_constants<Level>[round + 1];
        for (std::size_t bit = 0; bit < 16; ++bit) {
            const std::size_t n = bit / 4 + (bit < 8 ? 0 : L::nibbles - 4);
            const std::uint64_t value = ((added.low | unsigned{added.high} << 8U) >> bit) & 1U;
            const Place source = L::before(4 * (n % L::blocks) + bit % 4);
            const std::size_t shift = 8 * source.byte + (source.high ? 4 : 0) + n / L::blocks;
            constants[round] |= value << shift;
        }
    }
    return constants;
}
template <typename Level>
constexpr std::array<std::uint64_t, Level::rounds>
    square_constants = make_square_constants<Level>();

} // namespace

#define AUTHEX_TARGET [[gnu::target("avx512f,avx512bw,avx512vbmi,gfni")]]

AUTHEX_TARGET static inline __m512i load(const Indices& indices) {
    return _mm512_loadu_si512(indices.data());
}

template <typename Level>
AUTHEX_TARGET void permute_avx512(WordsOf<Level>& state) {
    const __m512i nibble = _mm512_set1_epi8(0x0F);
    const __m512i sbox_low =
        _mm512_broadcast_i32x4(_mm_setr_epi8(14, 13, 11, 0, 2, 1, 4, 15, 7, 10, 8, 5, 9, 12, 3, 6));
    const __m512i sbox_high = _mm512_slli_epi16(sbox_low, 4);
    const __m512i identity = _mm512_set1_epi64(static_cast<long long>(0x8040201008040201U));
    const __m512i next_low = load(moves<Level>.next[0]);
    const __m512i next_high = load(moves<Level>.next[1]);
    const auto words = static_cast<__mmask8>((1U << state.size()) - 1);

    state[0] ^= round_constants<Level>[0].low;
    state[state.size() - 1] ^= std::uint64_t{round_constants<Level>[0].high}
                               << ((Level::state_bits - 8) % 64);
    __m512i square = _mm512_maskz_loadu_epi64(words, state.data());
    __m512i shifted = _mm512_srli_epi64(square, 4);
    __m512i low = _mm512_permutex2var_epi8(square, load(moves<Level>.in[0]), shifted);
    __m512i high = _mm512_permutex2var_epi8(square, load(moves<Level>.in[1]), shifted);
    for (const std::uint64_t constant : square_constants<Level>) {
        low = _mm512_shuffle_epi8(sbox_low, _mm512_and_si512(low, nibble));
        high = _mm512_shuffle_epi8(sbox_high, _mm512_and_si512(high, nibble));
        const __m512i added =
            _mm512_zextsi128_si512(_mm_cvtsi64_si128(static_cast<long long>(constant)));
        square = _mm512_ternarylogic_epi64(low, high, added, 0x56); // (low | high) ^ added
        square = _mm512_gf2p8affine_epi64_epi8(identity, square, 0);
        shifted = _mm512_srli_epi64(square, 4);
        low = _mm512_permutex2var_epi8(square, next_low, shifted);
        high = _mm512_permutex2var_epi8(square, next_high, shifted);
    }
    low = _mm512_permutex2var_epi8(square, load(moves<Level>.out[0]), shifted);
    high = _mm512_permutex2var_epi8(square, load(moves<Level>.out[1]), shifted);
    low = _mm512_and_si512(low, nibble);
    high = _mm512_slli_epi16(_mm512_and_si512(high, nibble), 4);
    _mm512_mask_storeu_epi64(state.data(), words, _mm512_or_si512(low, high));
}

template void permute_avx512<Level128>(WordsOf<Level128>& state);
template void permute_avx512<Level64>(WordsOf<Level64>& state);

} // namespace authex::crypto::spongent

#endif
