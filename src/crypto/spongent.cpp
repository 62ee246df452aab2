#include "crypto/spongent.hpp"

#include "crypto/spongent_permutation.hpp"

namespace authex::crypto::spongent {
namespace {

constexpr std::size_t block_bytes = 2;

template <typename Words>
Bytes in(Words& words) {
    return {reinterpret_cast<std::uint8_t*>(words.data()), sizeof words};
}

/// Overwrites what permutations left behind on the stack.
[[gnu::noinline]] void wipe_frames() {
    std::uint8_t below[512];
    wipe(below);
}

template <typename Level>
void permute_words(WordsOf<Level>& words, Variant variant) {
#if AUTHEX_SPONGENT_X86
    if (variant == Variant::avx512) {
        permute_avx512<Level>(words);
        return;
    }
    if (variant == Variant::bmi2) {
        permute_bmi2<Level>(words);
        return;
    }
#endif
    (void)variant;
    permute_portable<Level>(words);
}

std::size_t block_at(ByteView bytes, std::size_t at) {
    return bytes.size() - at < block_bytes ? bytes.size() - at : block_bytes;
}

template <typename Level>
void crypt(Duplex<Level>& duplex, Bytes body, bool decrypt) {
    std::size_t at = 0;
    do {
        const std::size_t count = block_at(body, at);
        std::uint8_t plain[block_bytes] = {};
        const unsigned stream = duplex.rate();
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t in = body[at + i];
            const auto out = static_cast<std::uint8_t>(in ^ (stream >> (8 * i)));
            plain[i] = decrypt ? out : in;
            body[at + i] = out;
        }
        duplex.absorb(ByteView(plain, count), at + count < body.size());
        wipe(plain);
        at += count;
    } while (at < body.size());
}

} // namespace

#if !AUTHEX_SPONGENT_X86
bool carried(Variant variant) {
    return variant == Variant::portable;
}

Variant fastest() {
    return Variant::portable;
}
#endif

template <typename Level>
Duplex<Level>::~Duplex() {
    wipe(in(words_));
    wipe_frames();
}

template <typename Level>
void Duplex<Level>::absorb_padded(std::uint32_t block) {
    words_[0] ^= block;
    permute_words<Level>(words_, variant_);
}

template <typename Level>
void Duplex<Level>::absorb(std::uint16_t word, bool frame) {
    absorb_padded(word | std::uint32_t{frame ? 1U : 0U} << 16U | std::uint32_t{1} << 17U);
}

template <typename Level>
void Duplex<Level>::absorb(ByteView block, bool frame) {
    const std::size_t bits = block.size() * 8;
    std::uint32_t value = std::uint32_t{frame ? 1U : 0U} << bits | std::uint32_t{2} << bits;
    for (std::size_t i = 0; i < block.size(); ++i) {
        value |= std::uint32_t{block[i]} << (8 * i);
    }
    absorb_padded(value);
}

template <typename Level>
void Duplex<Level>::absorb_blank() {
    absorb_padded(1);
}

template <typename Level>
void Duplex<Level>::absorb_phase(ByteView bytes, bool inner) {
    std::size_t at = 0;
    do {
        const std::size_t count = block_at(bytes, at);
        absorb(bytes.subspan(at, count), at + count < bytes.size() ? inner : !inner);
        at += count;
    } while (at < bytes.size());
}

template <typename Level>
void Duplex<Level>::squeeze_tag(TagOf<Level> tag) {
    for (std::size_t at = 0; at < tag.size(); at += block_bytes) {
        if (at != 0) {
            absorb_blank();
        }
        tag[at] = static_cast<std::uint8_t>(rate());
        tag[at + 1] = static_cast<std::uint8_t>(rate() >> 8U);
    }
}

template <typename Level>
void wrap(
    KeyViewOf<Level> key, ByteView associated, Bytes body, TagOf<Level> tag, Variant variant) {
    Duplex<Level> duplex(variant);
    duplex.absorb_phase(key, true);
    duplex.absorb_phase(associated, false);
    crypt(duplex, body, false);
    duplex.squeeze_tag(tag);
}

template <typename Level>
bool unwrap(
    KeyViewOf<Level> key, ByteView associated, Bytes body, TagViewOf<Level> tag, Variant variant) {
    Duplex<Level> duplex(variant);
    duplex.absorb_phase(key, true);
    duplex.absorb_phase(associated, false);
    crypt(duplex, body, true);
    std::uint8_t computed[Level::key_bytes];
    duplex.squeeze_tag(computed);
    const bool verified = equal_constant_time(computed, tag);
    if (!verified) {
        wipe(body);
    }
    wipe(computed);
    return verified;
}

template class Duplex<Level128>;
template class Duplex<Level64>;
template void wrap<Level128>(KeyView, ByteView, Bytes, Tag, Variant);
template void wrap<Level64>(KeyViewOf<Level64>, ByteView, Bytes, TagOf<Level64>, Variant);
template bool unwrap<Level128>(KeyView, ByteView, Bytes, TagView, Variant);
template bool unwrap<Level64>(KeyViewOf<Level64>, ByteView, Bytes, TagViewOf<Level64>, Variant);

} // namespace authex::crypto::spongent
