#pragma once
// Authenticated encryption with associated data behind one small interface.
//   AES-128-GCM   (and AES-256-GCM for Noise) NIST SP 800-38D; BearSSL's constant-time code, AES-NI
//   and CLMUL where the CPU has them SPONGENT-128  SpongeWrap over SPONGENT-336/170 as in
//   Sancus 2.0 at 128-bit security

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace authex::crypto {

/// The wire value of a connection's algorithm (docs/protocol.md). AES-256-GCM is what Noise calls
/// AESGCM; the control channel uses it, connections do not.
enum class Algorithm : std::uint8_t { aes_128_gcm = 1, spongent_128 = 2, aes_256_gcm = 3 };

/// Key length in bytes: 16, or 32 for AES-256-GCM.
constexpr std::size_t key_bytes(Algorithm algorithm) {
    return algorithm == Algorithm::aes_256_gcm ? 32 : 16;
}
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t nonce_bytes = 12;

using TagView = std::span<const std::uint8_t, tag_bytes>;
using Tag = std::span<std::uint8_t, tag_bytes>;
using NonceView = std::span<const std::uint8_t, nonce_bytes>;

#ifndef AUTHEX_WITH_AES
#define AUTHEX_WITH_AES 1
#endif
#ifndef AUTHEX_WITH_SPONGENT
#define AUTHEX_WITH_SPONGENT 1
#endif
/// SPONGENT-128 by instructions (hardware.hpp) instead of our own code.
#ifndef AUTHEX_SPONGENT_HARDWARE
#define AUTHEX_SPONGENT_HARDWARE 0
#endif
constexpr bool with_aes = AUTHEX_WITH_AES != 0;
constexpr bool with_spongent = AUTHEX_WITH_SPONGENT != 0;
static_assert(with_aes || with_spongent, "an image needs one algorithm at least");

/// True if this build carries the algorithm (an image for a small TEE leaves AES out).
[[nodiscard]] bool supported(Algorithm algorithm);

/// One key, expanded for use. Neither copied nor moved: it lives in a fixed table, is set in place
/// and wipes itself. Not thread-safe. A (key, nonce) pair must never seal two messages: the
/// caller's counters see to it. SPONGENT-128 takes no nonce: its freshness is the counter in the
/// associated data, which must therefore never repeat under one key for either algorithm.
class AeadKey {
  public:
    AeadKey() = default;
    AeadKey(const AeadKey&) = delete;
    AeadKey& operator=(const AeadKey&) = delete;
    ~AeadKey() { clear(); }

    /// Sets or replaces the key. On error the old key is gone too.
    /// @error unsupported: the algorithm is not in this build    malformed: the key's length is not
    /// the algorithm's
    [[nodiscard]] Error set(Algorithm algorithm, const ByteView& key);
    /// Wipes the key; seal() and open() answer Error::not_attested until the next set().
    void clear();
    [[nodiscard]] bool is_set() const { return is_set_; }
    [[nodiscard]] Algorithm algorithm() const {
        return with_aes ? algorithm_ : Algorithm::spongent_128;
    }

    /// Encrypts `body` in place and writes the tag. `tag` must not overlap `body`. Constant time in
    /// key and body.
    [[nodiscard]] Error seal(NonceView nonce, ByteView associated, Bytes body, Tag tag);
    /// Verifies, then decrypts `body` in place; on failure the body is zeroed, but for
    /// hardware.hpp, where the caller wipes it. Constant time in key, body and tag.
    /// @error forged: the tag does not verify.
    [[nodiscard]] Error open(NonceView nonce, ByteView associated, Bytes body, TagView tag);

  private:
    // Room for the expanded key of the largest algorithm in the build; the layout is aead.cpp's
    // business. AUTHEX_AEAD_STATE_BYTES is set small (16) by builds that carry SPONGENT only.
#ifndef AUTHEX_AEAD_STATE_BYTES
#define AUTHEX_AEAD_STATE_BYTES 512
#endif
    /// Words, to instructions of the processor; vectors, to AES.
    alignas(with_aes ? 16 : 2) std::uint8_t state_[AUTHEX_AEAD_STATE_BYTES]{};
    Algorithm algorithm_{}; // all zero until set, so that tables of keys cost nothing in an image
    bool is_set_ = false;
};

} // namespace authex::crypto
