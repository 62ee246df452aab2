// The permutation on vectors: AVX-512 (F, BW, VBMI) and GFNI. The state lies in one or two
// registers of 64 bytes. A round is four instructions deep: S-boxes, moves of nibbles, putting
// together what moved, transpositions.
//
// Between rounds every byte holds one nibble. To be transposed, two blocks of four nibbles share
// eight bytes, a "square" of 8×8 bits: the low nibbles of its rows 0 to 3 are one block, the high
// nibbles the other, rows 4 to 7 are zero. The transposed square has the first block's nibbles in
// rows 0 to 3, the second's in rows 4 to 7.
#include "crypto/spongent_permutation.hpp"

#if AUTHEX_SPONGENT_X86

#include <immintrin.h>

#define AUTHEX_TARGET [[gnu::target("avx512f,avx512bw,avx512vbmi,gfni")]]

namespace authex::crypto::spongent {
namespace {

constexpr std::size_t vector_bytes = 64;
/// Which byte of the source goes to each byte, for the registers of a state.
using Indices = std::array<std::array<std::uint8_t, vector_bytes>, 2>;
/// Rows 0 to 3 of every square: rows lie backwards, as the instruction that transposes takes them.
constexpr __mmask64 upper_rows = 0xF0F0F0F0F0F0F0F0U;

template <typename Level>
struct Layout {
    static constexpr std::size_t blocks = Level::state_bits / 16;
    static constexpr std::size_t nibbles = Level::state_bits / 4;
    static constexpr std::size_t registers = (4 * blocks + vector_bytes - 1) / vector_bytes;

    /// Twice the square's number, plus one for the high nibbles. The blocks that round constants
    /// meet, the last two and the first two, come first.
    static constexpr std::size_t slot(std::size_t block) { return (block + 2) % blocks; }
    static constexpr bool is_high(std::size_t block) { return slot(block) % 2 == 1; }
    /// Where nibble n of a state lies before its block is transposed.
    static constexpr std::size_t in_square(std::size_t n) {
        return slot(n / 4) / 2 * 8 + 7 - n % 4;
    }
    /// Where nibble n of the state lies that the transpositions made.
    static constexpr std::size_t transposed(std::size_t n) {
        return slot(n % blocks) / 2 * 8 + slot(n % blocks) % 2 * 4 + n / blocks;
    }
};

/// Moves of nibbles. Sources that are two vectors count on from the first to the second.
template <typename Level>
struct Moves {
    using L = Layout<Level>;
    Indices unpack{};        ///< from words, followed by the same shifted right by four
    Indices to_squares[2]{}; ///< those that become low nibbles, and high ones
    std::array<std::uint8_t, vector_bytes> pack[2]{}; ///< the low nibbles of words, the high ones

    constexpr Moves() {
        for (std::size_t n = 0; n < L::nibbles; ++n) {
            const std::size_t at = L::transposed(n);
            const std::size_t to = L::in_square(n);
            unpack[at / vector_bytes][at % vector_bytes] =
                static_cast<std::uint8_t>(n / 2 + n % 2 * vector_bytes);
            to_squares[L::is_high(n / 4) ? 1 : 0][to / vector_bytes][to % vector_bytes] =
                static_cast<std::uint8_t>(at);
            pack[n % 2][n / 2] = static_cast<std::uint8_t>(at);
        }
    }
};
template <typename Level>
constexpr Moves<Level> moves{};

struct alignas(16) SquareConstant {
    std::uint64_t squares[2];
};

/// The next round's constant as it is in the first two squares before they are transposed. None
/// follows the last round.
template <typename Level>
constexpr std::array<SquareConstant, Level::rounds> make_square_constants() {
    using L = Layout<Level>;
    std::array<SquareConstant, Level::rounds> constants{};
    for (std::size_t round = 0; round + 1 < Level::rounds; ++round) {
        const RoundConstant next = round_constants<Level>[round + 1];
        const unsigned bits = next.low | unsigned{next.high} << 8U;
        for (std::size_t bit = 0; bit < 16; ++bit) {
            // Bit k of nibble n comes from bit n/blocks of nibble k of a block.
            const std::size_t n = bit / 4 + (bit < 8 ? 0 : L::nibbles - 4);
            const std::size_t block = n % L::blocks;
            const std::size_t byte = L::in_square(4 * block + bit % 4);
            const std::size_t shift = byte % 8 * 8 + (L::is_high(block) ? 4 : 0) + n / L::blocks;
            constants[round].squares[byte / 8] |= std::uint64_t{(bits >> bit) & 1U} << shift;
        }
    }
    return constants;
}
template <typename Level>
constexpr std::array<SquareConstant, Level::rounds>
    square_constants = make_square_constants<Level>();

AUTHEX_TARGET inline __m512i load(const std::array<std::uint8_t, vector_bytes>& indices) {
    return _mm512_loadu_si512(indices.data());
}

/// The bytes of `from` that `indices` names, in `rows`; zero elsewhere.
template <std::size_t registers>
AUTHEX_TARGET inline __m512i
pick(const __m512i (&from)[registers], __m512i indices, __mmask64 rows) {
    if constexpr (registers == 1) {
        return _mm512_maskz_permutexvar_epi8(rows, indices, from[0]);
    } else {
        return _mm512_maskz_permutex2var_epi8(rows, from[0], indices, from[1]);
    }
}

/// All rounds on nibbles as Layout::transposed has them.
template <typename Level, std::size_t registers = Layout<Level>::registers>
AUTHEX_TARGET inline void rounds(__m512i (&state)[registers]) {
    const __m512i sbox =
        _mm512_broadcast_i32x4(_mm_setr_epi8(14, 13, 11, 0, 2, 1, 4, 15, 7, 10, 8, 5, 9, 12, 3, 6));
    const __m512i sbox_high = _mm512_slli_epi16(sbox, 4);
    const __m512i identity = _mm512_set1_epi64(static_cast<long long>(0x8040201008040201U));
    __mmask64 rows = upper_rows;
    asm("" : "+r"(rows)); // Known to the compiler, it would become another instruction a round.
    __m512i indices_low[registers];
    __m512i indices_high[registers];
    for (std::size_t r = 0; r < registers; ++r) {
        indices_low[r] = load(moves<Level>.to_squares[0][r]);
        indices_high[r] = load(moves<Level>.to_squares[1][r]);
    }
    for (const SquareConstant& constant : square_constants<Level>) {
        __m512i low[registers];
        __m512i high[registers];
        for (std::size_t r = 0; r < registers; ++r) {
            low[r] = _mm512_shuffle_epi8(sbox, state[r]);
            high[r] = _mm512_shuffle_epi8(sbox_high, state[r]);
        }
        __m512i added = _mm512_zextsi128_si512(
            _mm_load_si128(reinterpret_cast<const __m128i*>(constant.squares)));
        for (std::size_t r = 0; r < registers; ++r) {
            constexpr int or_then_xor = 0x56; // (a | b) ^ c
            const __m512i squares = _mm512_ternarylogic_epi64(pick(low, indices_low[r], rows),
                                                              pick(high, indices_high[r], rows),
                                                              added,
                                                              or_then_xor);
            state[r] = _mm512_gf2p8affine_epi64_epi8(identity, squares, 0);
            added = _mm512_setzero_si512();
        }
    }
}

} // namespace

template <typename Level>
AUTHEX_TARGET void permute_avx512(WordsOf<Level>& state) {
    constexpr std::size_t registers = Layout<Level>::registers;
    constexpr auto words = static_cast<__mmask8>((1U << (Level::state_bits + 63) / 64) - 1);
    const __m512i low_nibble = _mm512_set1_epi8(0x0F);
    add_constant<Level>(state, round_constants<Level>[0]);
    const __m512i packed = _mm512_maskz_loadu_epi64(words, state.data());
    const __m512i shifted = _mm512_srli_epi64(packed, 4);
    __m512i nibbles[registers];
    for (std::size_t r = 0; r < registers; ++r) {
        nibbles[r] = _mm512_and_si512(
            low_nibble, _mm512_permutex2var_epi8(packed, load(moves<Level>.unpack[r]), shifted));
    }
    rounds<Level>(nibbles);
    // With one register the second source is the same, and no index names it.
    const __m512i low =
        _mm512_permutex2var_epi8(nibbles[0], load(moves<Level>.pack[0]), nibbles[registers - 1]);
    const __m512i high =
        _mm512_permutex2var_epi8(nibbles[0], load(moves<Level>.pack[1]), nibbles[registers - 1]);
    constexpr auto bytes = static_cast<__mmask64>((std::uint64_t{1} << Level::state_bits / 8) - 1);
    _mm512_mask_storeu_epi64(
        state.data(),
        words,
        _mm512_maskz_mov_epi8(bytes, _mm512_or_si512(low, _mm512_slli_epi16(high, 4))));
}

template void permute_avx512<Level128>(WordsOf<Level128>& state);
template void permute_avx512<Level64>(WordsOf<Level64>& state);

} // namespace authex::crypto::spongent

#endif
