#pragma once
// AES-GCM with 96-bit nonces and 128-bit tags over BearSSL.                        (NIST SP
// 800-38D)

#include "base/bytes.hpp"
#include "crypto/aead.hpp"

namespace authex::crypto::aes_gcm {

/// Expands `key` (16 or 32 bytes) into `state`, which is aligned to 16 and may not move afterwards.
/// The fastest constant-time implementation that the CPU carries is chosen here.
void set(ByteView key, Bytes state);
void seal(Bytes state, NonceView nonce, ByteView associated, Bytes body, Tag tag);
/// @return false: the tag does not verify; the body is then zeroed.
[[nodiscard]] bool open(Bytes state, NonceView nonce, ByteView associated, Bytes body, TagView tag);

} // namespace authex::crypto::aes_gcm
