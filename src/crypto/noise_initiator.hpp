#pragma once
// Noise_KN_25519_AESGCM_SHA256, the initiator: the deployer's side of what is in noise.hpp. No
// module carries it.

#include "crypto/noise.hpp"

namespace authex::crypto {

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

} // namespace authex::crypto
