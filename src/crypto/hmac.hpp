#pragma once
// HMAC with SHA-256 (RFC 2104), over BearSSL. No module carries it by itself.

#include "crypto/kdf.hpp"

namespace authex::crypto {

[[nodiscard]] Hash hmac_sha256(ByteView key, ByteView data);

} // namespace authex::crypto
