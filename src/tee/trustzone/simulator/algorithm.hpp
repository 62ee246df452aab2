#pragma once
// Algorithms of operations, as their numbers say. (GP TEE Internal Core API 1.3.1, tables 6-4 and
// 6-11; OP-TEE OS 4.10, `tee_api_defines.h`, `utee_defines.h`)

#include <cstddef>
#include <cstdint>

#include <bearssl/bearssl_hash.h>

#include "tee/trustzone/simulator/key_kind.hpp"

namespace authex::tee::trustzone {

enum class Class : std::uint8_t { ///< highest 4 bits of an algorithm
    none = 0,
    cipher = 1,
    mac = 3,
    authenticated = 4,
    digest = 5,
    signature = 7,
    derivation = 8,
};
enum Mode : std::uint32_t { mode_encrypt = 0, mode_decrypt = 1, mode_sign = 2, mode_verify = 3 };

constexpr std::uint32_t aes_ecb = 0x10000010;
constexpr std::uint32_t aes_cbc = 0x10000110;
constexpr std::uint32_t aes_ctr = 0x10000210;
constexpr std::uint32_t aes_cmac = 0x30000610;
constexpr std::uint32_t aes_gcm = 0x40000810;
constexpr std::uint32_t ecdh = 0x80000042;
constexpr std::uint32_t hkdf = 0x80000047;
constexpr std::size_t aes_block_bytes = 16;

/// Class::none: there is no such algorithm here.
Class class_of(std::uint32_t algorithm);
/// The number that the standard has for one that OP-TEE has another number for, too.
std::uint32_t standard_number(std::uint32_t algorithm);

/// Of a digest, its HMAC, or a signature. Null: it has none that is here.
const br_hash_class* hash_of(std::uint32_t algorithm);
std::size_t bytes_of(const br_hash_class& hash);

enum class Signing : std::uint8_t { none, pkcs1, pss, ecdsa };
Signing signing_of(std::uint32_t algorithm);
/// On which an ECDSA signature lies, by its number.
std::uint32_t curve_number_of(std::uint32_t algorithm);

/// Whether keys of this type are for such an operation.
bool is_key_for(std::uint32_t algorithm, std::uint32_t mode, std::uint32_t type);

} // namespace authex::tee::trustzone
