#pragma once
// Sealing and opening of frames under a key: the one place where header, nonce, associated data,
// padding and AEAD meet.

#include "crypto/aead.hpp"
#include "wire/frame.hpp"

namespace authex::wire {

/// Bytes of a frame that carries `body_bytes` sealed with `algorithm` (padding and tag included).
[[nodiscard]] std::size_t sealed_frame_bytes(crypto::Algorithm algorithm, std::size_t body_bytes);

/// Builds a sealed frame at the front of `frame`.                      (DESIGN "Frames"; SP 800-38D
/// §7.1)
/// @param header kind, deployment, channel, direction and counter; length and padding are filled
/// in, so that header.frame_bytes() are then the bytes of the frame.
/// @param body   plaintext; may already lie at frame[header_bytes…] (sealed in place) but not
/// overlap otherwise.
/// @error no_space: `frame` is too small | too_large | exhausted: the counter is at
/// wire::counter_limit | not_attested: key not set
[[nodiscard]] Error
seal_frame(crypto::AeadKey& key, FrameHeader& header, ByteView body, Bytes frame);

/// Opens one sealed frame in place. It checks the tag, not the counter: that is the caller's rule.
/// @param frame a whole frame whose header was parsed into `header`; on success the body is
/// plaintext, on failure zeroed.
/// @param body  set to the plaintext without padding, inside `frame`.
/// @error forged | malformed: header and frame do not belong together | not_attested: key not set
[[nodiscard]] Error
open_frame(crypto::AeadKey& key, const FrameHeader& header, Bytes frame, Bytes& body);

} // namespace authex::wire
