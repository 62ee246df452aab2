#include "crypto/spongent_planes.hpp"

namespace authex::crypto::spongent {
namespace {

/// Exchanges an index bit of the word, clear in `a` and set in `b`, with that bit of the position
/// in a word that is worth `shift`.
template <unsigned shift>
void exchange(std::uint64_t& a, std::uint64_t& b) {
    constexpr std::uint64_t clear = ~std::uint64_t{0} / ((std::uint64_t{1} << shift) + 1);
    const std::uint64_t different = ((a >> shift) ^ b) & clear;
    b ^= different;
    a ^= different << shift;
}

/// Bit k of nibble n of word w goes to bit 16·w + n of word k: the eight bits of the index rotate
/// by two, from w n k to k w n. Both bits of w make the round through every second place.
void transpose(std::uint64_t (&w)[4]) {
    exchange<16>(w[0], w[1]);
    exchange<16>(w[2], w[3]);
    exchange<4>(w[0], w[1]);
    exchange<4>(w[2], w[3]);
    exchange<1>(w[0], w[1]);
    exchange<1>(w[2], w[3]);
    exchange<32>(w[0], w[2]);
    exchange<32>(w[1], w[3]);
    exchange<8>(w[0], w[2]);
    exchange<8>(w[1], w[3]);
    exchange<2>(w[0], w[2]);
    exchange<2>(w[1], w[3]);
}

template <typename Level>
void gather(const WordsOf<Level>& state, Planes<Level>& planes) {
    for (std::size_t g = 0; g < plane_words<Level>; ++g) {
        for (std::size_t w = 0; w < 4; ++w) {
            planes.words[g][w] = 4 * g + w < state.size() ? state[4 * g + w] : 0;
        }
        transpose(planes.words[g]);
    }
}

} // namespace

template <typename Level>
void permute_portable(WordsOf<Level>& state) {
    WordsOf<Level> words = state;
    Planes<Level> planes{};
    for (const RoundConstant constant : round_constants<Level>) {
        add_constant<Level>(words, constant);
        gather<Level>(words, planes);
        substitute_and_spread<Level>(planes, words);
    }
    state = words;
}

template void permute_portable<Level128>(WordsOf<Level128>& state);
template void permute_portable<Level64>(WordsOf<Level64>& state);

} // namespace authex::crypto::spongent
