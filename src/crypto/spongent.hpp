#pragma once
// SPONGENT as Sancus 2.0 uses it: sponge, authenticated encryption and MAC, at both its levels.
//   permutation  Bogdanov et al., "SPONGENT: The Design Space of Lightweight Cryptographic
//   Hashing", IEEE ToC 2013: 336 bits, 170 rounds, or 176 bits, 90 rounds
//   SpongeWrap   Bertoni et al., "Duplexing the Sponge", SAC 2011, with 16 data bits, one frame bit
//   and one pad bit a call
// Constant time: no secret decides about a branch or an address, in any variant.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace authex::crypto::spongent {

/// 128 bits of security: what Authex speaks.
struct Level128 {
    static constexpr std::size_t state_bits = 336;
    static constexpr std::size_t key_bytes = 16; ///< also a tag's
    static constexpr unsigned rounds = 170;
    static constexpr unsigned counter_bits = 8; ///< of the round counter, an LFSR
    static constexpr unsigned counter_start = 0x52;
    static constexpr unsigned counter_taps = 0x8E;
};

/// 64 bits of security: old firmware of Sancus nodes.
struct Level64 {
    static constexpr std::size_t state_bits = 176;
    static constexpr std::size_t key_bytes = 8;
    static constexpr unsigned rounds = 90;
    static constexpr unsigned counter_bits = 7;
    static constexpr unsigned counter_start = 0x45;
    static constexpr unsigned counter_taps = 0x60;
};

/// How the permutation is computed. All variants give the same.
enum class Variant : std::uint8_t {
    portable, ///< 64-bit words, every processor
    bmi2,     ///< x86-64 with a fast PEXT
    avx512,   ///< x86-64 with AVX-512 VBMI and GFNI
};

/// Whether this build and the processor carry `variant`. Asks the processor each time: slow.
[[nodiscard]] bool carried(Variant variant);
/// The fastest variant here: found once, then remembered. Thread-safe.
[[nodiscard]] Variant fastest();

template <typename Level>
using KeyViewOf = std::span<const std::uint8_t, Level::key_bytes>;
template <typename Level>
using TagOf = std::span<std::uint8_t, Level::key_bytes>;
template <typename Level>
using TagViewOf = std::span<const std::uint8_t, Level::key_bytes>;
/// State bit i is bit (i mod 64) of word (i div 64); what is left of the last word is zero.
template <typename Level>
using WordsOf = std::array<std::uint64_t, (Level::state_bits + 63) / 64>;

/// A duplex object: the sponge between two blocks. Wiped when it goes. Not thread-safe.
///
/// wrap is: absorb_phase(key, true), absorb_phase(associated, false); then for each word of the
/// body, with rate() taken before: cipher = plain ^ rate(), absorb(plain, not the last); then
/// squeeze_tag(). unwrap absorbs the same plain words.
template <typename Level>
class Duplex {
  public:
    /// @pre carried(variant)
    explicit Duplex(Variant variant = fastest()) : variant_(variant) {}
    Duplex(const Duplex&) = delete;
    Duplex& operator=(const Duplex&) = delete;
    Duplex(Duplex&&) = delete;
    Duplex& operator=(Duplex&&) = delete;
    ~Duplex();

    /// The lowest 16 bits of the state; bits 0 to 7 are the first byte of a block.
    [[nodiscard]] std::uint16_t rate() const { return static_cast<std::uint16_t>(words_[0]); }

    /// A whole block of two bytes, as rate() has them, then the permutation.
    void absorb(std::uint16_t word, bool frame);
    /// A block of 0, 1 or 2 bytes. Shorter ones exist in software only.
    void absorb(ByteView block, bool frame);
    /// The block between two parts of a tag.
    void absorb_blank();
    /// A whole phase: the frame bit is `inner` in every block but the last, its opposite there. An
    /// empty phase has one empty block.
    void absorb_phase(ByteView bytes, bool inner);
    /// The tag, which ends the object's use: nothing is absorbed after the last part.
    void squeeze_tag(TagOf<Level> tag);

  private:
    void absorb_padded(std::uint32_t block);

    WordsOf<Level> words_{};
    Variant variant_;
};

/// Encrypts `body` in place. `tag` must not overlap `body`. With an empty body it is Sancus' MAC
/// over `associated`, and its key derivation. @pre carried(variant)
template <typename Level = Level128>
void wrap(KeyViewOf<Level> key,
          ByteView associated,
          Bytes body,
          TagOf<Level> tag,
          Variant variant = fastest());
/// Decrypts `body` in place. @return false: the tag does not verify; the body is then zeroed.
/// @pre carried(variant)
template <typename Level = Level128>
[[nodiscard]] bool unwrap(KeyViewOf<Level> key,
                          ByteView associated,
                          Bytes body,
                          TagViewOf<Level> tag,
                          Variant variant = fastest());

// The same at 128 bits.
constexpr std::size_t key_bytes = Level128::key_bytes;
constexpr std::size_t tag_bytes = Level128::key_bytes;
using KeyView = KeyViewOf<Level128>;
using Tag = TagOf<Level128>;
using TagView = TagViewOf<Level128>;

extern template class Duplex<Level128>;
extern template class Duplex<Level64>;

} // namespace authex::crypto::spongent
