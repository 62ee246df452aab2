#pragma once
// Noise_KN_25519_AESGCM_SHA256, both roles.                     (The Noise Protocol Framework,
// revision 34, §5, §7.5)
//
//   KN:
//     -> s
//     ...
//     -> e
//     <- e, ee, se
//
// The initiator is the deployer, its static key pair is the application's owner key; the responder
// is a module, which has the owner's public key compiled in. The transport keys are used as
// docs/protocol.md says, not by Noise's own transport messages.

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

/// CipherState, SymmetricState (§5.1, §5.2), as far as KN needs them: before the first key nothing
/// is encrypted, afterwards each key encrypts one message. Private to the two roles below.
class NoiseSymmetricState {
  public:
    explicit NoiseSymmetricState(ByteView prologue);
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

/// The deployer's side. One object, one handshake: call write_first, then read_second, each once.
class NoiseInitiator {
  public:
    /// @param ephemeral_secret fresh random bytes, never used twice.
    NoiseInitiator(ByteView prologue, DhKeyView static_secret, DhKeyView ephemeral_secret);
    ~NoiseInitiator();
    NoiseInitiator(const NoiseInitiator&) = delete;
    NoiseInitiator& operator=(const NoiseInitiator&) = delete;
    /// `-> e`, then the payload (in clear: no key yet). @error no_space. @return bytes written to
    /// `message`.
    [[nodiscard]] Result<std::size_t> write_first(ByteView payload, Bytes message);
    /// `<- e, ee, se`, then the payload, decrypted in place inside `message`; `payload` is set to
    /// view it.
    /// @error truncated | malformed | forged
    [[nodiscard]] Error read_second(Bytes message, ByteView& payload, NoiseSession& session);

  private:
    NoiseSymmetricState state_;
    DhKey static_secret_{};
    DhKey ephemeral_secret_{};
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

} // namespace authex::crypto
