#pragma once
// What RSA signs. (RFC 8017, §9)

#include <bearssl/bearssl_hash.h>

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

constexpr std::size_t rsa_bytes_max = 512;

/// EMSA-PKCS1-v1_5 (§9.2) into `to`, which is as long as the modulus. False: that is too short.
bool encode_pkcs1(const br_hash_class& hash, ByteView digest, Bytes to);

/// EMSA-PSS (§9.1) with MGF1 of the same hash. @param bits of the modulus; `to` is as long as that.
/// False: that is too short.
bool encode_pss(
    const br_hash_class& hash, ByteView digest, ByteView salt, std::size_t bits, Bytes to);
/// Whether `encoded`, which is unmasked in place, is of this digest and has a salt of this length.
/// (§9.1.2)
bool is_pss(const br_hash_class& hash,
            ByteView digest,
            std::size_t salt_bytes,
            std::size_t bits,
            Bytes encoded);

} // namespace authex::tee::trustzone
