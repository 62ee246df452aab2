#pragma once
// What keys a TA may make: their types, sizes and attributes. (GP TEE Internal Core API 1.3.1,
// tables 5-9, 6-8 and 6-15; OP-TEE OS 4.10, `tee_api_defines.h`, `core/tee/tee_svc_cryp.c`)

#include <cstddef>
#include <cstdint>
#include <span>

namespace authex::tee::trustzone {

enum KeyType : std::uint32_t {
    type_generic_secret = 0xA0000000,
    type_hmac_first = 0xA0000002, ///< of SHA-1, 224, 256, 384, 512
    type_hmac_last = 0xA0000006,
    type_aes = 0xA0000010,
    type_rsa_public = 0xA0000030,
    type_rsa_pair = 0xA1000030,
    type_ecdsa_public = 0xA0000041,
    type_ecdsa_pair = 0xA1000041,
    type_ecdh_public = 0xA0000042,
    type_ecdh_pair = 0xA1000042,
    type_hkdf = 0xA10000C0, ///< an extension of OP-TEE's
};

enum AttributeId : std::uint32_t {
    secret_value = 0xC0000000,
    hkdf_key = 0xC00001C0,
    rsa_modulus = 0xD0000130,
    rsa_public_exponent = 0xD0000230,
    rsa_private_exponent = 0xC0000330,
    rsa_prime_1 = 0xC0000430,
    rsa_prime_2 = 0xC0000530,
    rsa_exponent_1 = 0xC0000630,
    rsa_exponent_2 = 0xC0000730,
    rsa_coefficient = 0xC0000830,
    rsa_salt_bytes = 0xF0000A30,
    ecc_x = 0xD0000141,
    ecc_y = 0xD0000241,
    ecc_private = 0xC0000341,
    ecc_curve = 0xF0000441,
};
constexpr std::uint32_t attribute_is_public = 1U << 28U;
constexpr std::uint32_t attribute_is_value = 1U << 29U;

constexpr std::size_t attribute_bytes_max = 512; ///< numbers of RSA-4096, the longest secret
constexpr std::size_t attributes_max = 8;

struct AttributeKind {
    std::uint32_t id = 0;
    bool needed = false;       ///< to populate a key; the others come all, or none
    bool gives_size = false;   ///< of the key
    bool for_making = false;   ///< may be said of a key that is to be made
    bool making_needs = false; ///< must be said then
};

struct KeyKind {
    std::uint32_t type = 0;
    std::uint32_t bits_quantum = 1; ///< sizes are multiples of it
    std::uint32_t bits_min = 0;
    std::uint32_t bits_max = 0;
    std::span<const AttributeKind> attributes;

    [[nodiscard]] bool may_have(std::uint64_t bits) const {
        return bits % bits_quantum == 0 && bits >= bits_min && bits <= bits_max;
    }
    /// Place of the attribute; attributes.size(): it has none of that kind.
    [[nodiscard]] std::size_t place_of(std::uint64_t id) const;
    /// A key of one secret, as operations take and derivations make it.
    [[nodiscard]] bool is_secret() const { return attributes[0].id == secret_value; }
};

/// Null: there are no such keys here.
const KeyKind* key_kind(std::uint64_t type);

} // namespace authex::tee::trustzone
