#include "tee/trustzone/simulator/algorithm.hpp"

#include <iterator>

namespace authex::tee::trustzone {
namespace {

constexpr std::uint32_t nibble(std::uint32_t number, unsigned from) {
    return number >> from & 0xFU;
}

/// By the number that algorithms have for it.
const br_hash_class* hash_numbered(std::uint32_t number) {
    static constexpr const br_hash_class* all[] = {&br_sha1_vtable,
                                                   &br_sha224_vtable,
                                                   &br_sha256_vtable,
                                                   &br_sha384_vtable,
                                                   &br_sha512_vtable};
    constexpr std::uint32_t first = 2;
    return number >= first && number < first + std::size(all) ? all[number - first] : nullptr;
}

std::uint32_t key_type(std::uint32_t algorithm) {
    switch (class_of(algorithm)) {
    case Class::mac:
        return algorithm == aes_cmac ? type_aes : type_generic_secret + (algorithm & 0xFFU);
    case Class::cipher:
    case Class::authenticated:
        return type_aes;
    case Class::signature:
        return signing_of(algorithm) == Signing::ecdsa ? type_ecdsa_pair : type_rsa_pair;
    case Class::derivation:
        return algorithm == ecdh ? type_ecdh_pair : type_hkdf;
    default:
        return 0;
    }
}

} // namespace

Class class_of(std::uint32_t algorithm) {
    const auto said = static_cast<Class>(nibble(algorithm, 28));
    bool is_here = false;
    switch (said) {
    case Class::cipher:
        is_here = algorithm == aes_ecb || algorithm == aes_cbc || algorithm == aes_ctr;
        break;
    case Class::mac:
        is_here = algorithm == aes_cmac || hash_of(algorithm) != nullptr;
        break;
    case Class::digest:
        is_here = hash_of(algorithm) != nullptr;
        break;
    case Class::authenticated:
        is_here = algorithm == aes_gcm;
        break;
    case Class::signature:
        is_here = signing_of(algorithm) != Signing::none;
        break;
    case Class::derivation:
        is_here = algorithm == ecdh || algorithm == hkdf;
        break;
    default:
        break;
    }
    return is_here ? said : Class::none;
}

std::uint32_t standard_number(std::uint32_t algorithm) {
    constexpr std::uint32_t old_ecdsa = 0x70000041; // and the curve's number
    constexpr std::uint32_t old_ecdh = 0x80000042;
    constexpr std::uint32_t curve = 0xF000;
    if ((algorithm & ~curve) == old_ecdsa) {
        return algorithm + 1;
    }
    return (algorithm & ~curve) == old_ecdh ? ecdh : algorithm;
}

const br_hash_class* hash_of(std::uint32_t algorithm) {
    switch (signing_of(algorithm)) {
    case Signing::pkcs1:
    case Signing::pss:
        return hash_numbered(nibble(algorithm, 12));
    case Signing::ecdsa:
        return hash_numbered(nibble(algorithm, 12) + 1);
    default:
        return hash_numbered(algorithm & 0x0FFFFFFFU);
    }
}

std::size_t bytes_of(const br_hash_class& hash) {
    return (hash.desc >> BR_HASHDESC_OUT_OFF) & BR_HASHDESC_OUT_MASK;
}

Signing signing_of(std::uint32_t algorithm) {
    constexpr std::uint32_t pkcs1 = 0x70000830; // and the hash's number at bit 12
    constexpr std::uint32_t pss = 0x70010930;   // likewise, and that of MGF1's hash at bit 20
    constexpr std::uint32_t ecdsa = 0x70000042; // and the curve's number at bit 12
    constexpr std::uint32_t p256 = 3;
    constexpr std::uint32_t p521 = 5;
    const std::uint32_t number = nibble(algorithm, 12);
    if ((algorithm & ~0xF000U) == pkcs1 && hash_numbered(number) != nullptr) {
        return Signing::pkcs1;
    }
    if ((algorithm & ~0xF0F000U) == pss && hash_numbered(number) != nullptr &&
        nibble(algorithm, 20) == number) {
        return Signing::pss;
    }
    return (algorithm & ~0xF000U) == ecdsa && number >= p256 && number <= p521 ? Signing::ecdsa
                                                                               : Signing::none;
}

std::uint32_t curve_number_of(std::uint32_t algorithm) {
    return nibble(algorithm, 12);
}

bool is_key_for(std::uint32_t algorithm, std::uint32_t mode, std::uint32_t type) {
    constexpr std::uint32_t pair = type_rsa_pair - type_rsa_public;
    const std::uint32_t wanted = key_type(algorithm);
    const bool may_be_public = class_of(algorithm) == Class::signature && mode == mode_verify;
    return type == wanted || (may_be_public && type + pair == wanted);
}

} // namespace authex::tee::trustzone
