#pragma once
// Noise_KN_25519_AESGCM_SHA256, the responder, and the one-way pattern Noise_N_25519_AESGCM_SHA256.
// (The Noise Protocol Framework, revision 34, §5, §7.4, §7.5)
//
//   KN:
//     -> s
//     ...
//     -> e
//     <- e, ee, se
//
// The initiator (noise_initiator.hpp) is the deployer, its static key pair is the application's
// owner key; the responder is a module, which has the owner's public key compiled in. The transport
// keys are used as docs/protocol.md says, not by Noise's own transport messages.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/aead.hpp"
#include "crypto/kdf.hpp"
#include "crypto/x25519.hpp"

namespace authex::crypto {

constexpr std::size_t hash_bytes = 32;
constexpr char name_of_kn[] = "Noise_KN_25519_AESGCM_SHA256";
/// What each handshake message is longer than its payload, in bytes: `e` alone; `e` and a tag.
constexpr std::size_t noise_first_overhead = dh_bytes;
constexpr std::size_t noise_second_overhead = dh_bytes + tag_bytes;

/// What a finished handshake leaves: the two transport keys of Split() (AES-256-GCM; Noise's AESGCM
/// means 256-bit keys) and the handshake hash h. Wipes itself.
struct NoiseSession {
    std::array<std::uint8_t, 32> initiator_to_responder{};
    std::array<std::uint8_t, 32> responder_to_initiator{};
    Hash handshake_hash{};
    NoiseSession() = default;
    NoiseSession(const NoiseSession&) = default;
    NoiseSession& operator=(const NoiseSession&) = default;
    ~NoiseSession();
};

/// CipherState, SymmetricState (§5.1, §5.2), as far as N and KN need them: before the first key
/// nothing is encrypted, afterwards each key encrypts one message. Private to the handshakes.
class NoiseSymmetricState {
  public:
    /// @param protocol_name at most hash_bytes long
    NoiseSymmetricState(ByteView protocol_name, ByteView prologue);
    ~NoiseSymmetricState();
    NoiseSymmetricState(const NoiseSymmetricState&) = delete;
    NoiseSymmetricState& operator=(const NoiseSymmetricState&) = delete;

    void mix_hash(ByteView data);
    void mix_key(ByteView input_key_material);
    /// In place, under the key of the last mix_key(): a body, and its tag right behind it.
    [[nodiscard]] Error encrypt_and_hash(Bytes body_and_tag);
    [[nodiscard]] Error decrypt_and_hash(Bytes body_and_tag);
    void split(NoiseSession& session) const;

  private:
    Hash chaining_key_{};
    Hash hash_{};
    std::array<std::uint8_t, 32> key_{};
};

/// The module's side: read_first, then write_second, each once.
class NoiseResponder {
  public:
    NoiseResponder(ByteView prologue,
                   DhKeyView initiator_static_public,
                   DhKeyView ephemeral_secret);
    ~NoiseResponder();
    NoiseResponder(const NoiseResponder&) = delete;
    NoiseResponder& operator=(const NoiseResponder&) = delete;
    /// @error truncated. `payload` is set to view the (unauthenticated) payload inside `message`.
    [[nodiscard]] Error read_first(ByteView message, ByteView& payload);
    /// @error no_space | malformed. @return bytes written to `message`.
    [[nodiscard]] Result<std::size_t>
    write_second(ByteView payload, Bytes message, NoiseSession& session);

  private:
    NoiseSymmetricState state_;
    DhKey initiator_static_{};
    DhKey initiator_ephemeral_{};
    DhKey ephemeral_secret_{};
};

/// The bytes of `e` before what Noise_N seals, and of the tag behind it.
constexpr std::size_t noise_n_overhead = dh_bytes + tag_bytes;

//   N:
//     <- s
//     ...
//     -> e, es
/// Seals in place for whoever has the secret of `recipient`: `message` is room for `e`, then the
/// payload, then room for the tag. @pre message.size() >= noise_n_overhead
/// @param ephemeral_secret fresh random bytes, never used twice.
/// @error malformed: the recipient's key is a point of small order
[[nodiscard]] Error
noise_n_seal(ByteView prologue, DhKeyView recipient, DhKeyView ephemeral_secret, Bytes message);
/// Opens in place. @error truncated | malformed | forged
[[nodiscard]] Error
noise_n_open(ByteView prologue, DhKeyView secret, Bytes message, Bytes& payload);

} // namespace authex::crypto
