#include "tee/trustzone/simulator/key_kind.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

constexpr AttributeKind secret[] = {{.id = secret_value, .needed = true, .gives_size = true}};
constexpr AttributeKind hkdf[] = {{.id = hkdf_key, .needed = true, .gives_size = true}};
constexpr AttributeKind rsa_public[] = {
    {.id = rsa_modulus, .needed = true, .gives_size = true},
    {.id = rsa_public_exponent, .needed = true},
};
constexpr AttributeKind rsa_pair[] = {
    {.id = rsa_modulus, .needed = true, .gives_size = true},
    {.id = rsa_public_exponent, .needed = true, .for_making = true},
    {.id = rsa_private_exponent, .needed = true},
    {.id = rsa_prime_1},
    {.id = rsa_prime_2},
    {.id = rsa_exponent_1},
    {.id = rsa_exponent_2},
    {.id = rsa_coefficient},
};
constexpr AttributeKind ecc_public[] = {
    {.id = ecc_x, .needed = true},
    {.id = ecc_y, .needed = true},
    {.id = ecc_curve, .needed = true, .gives_size = true},
};
constexpr AttributeKind ecc_pair[] = {
    {.id = ecc_private, .needed = true},
    {.id = ecc_x, .needed = true},
    {.id = ecc_y, .needed = true},
    {.id = ecc_curve, .needed = true, .gives_size = true, .for_making = true, .making_needs = true},
};

constexpr KeyKind kinds[] = {
    {type_aes, 64, 128, 256, secret},
    {type_hmac_first, 8, 64, 1024, secret},
    {type_hmac_first + 1, 8, 64, 1024, secret},
    {type_hmac_first + 2, 8, 64, 1024, secret},
    {type_hmac_first + 3, 8, 64, 1024, secret},
    {type_hmac_last, 8, 64, 1024, secret},
    {type_generic_secret, 8, 0, 4096, secret},
    {type_hkdf, 8, 0, 4096, hkdf},
    {type_rsa_public, 1, 256, 4096, rsa_public},
    {type_rsa_pair, 1, 256, 4096, rsa_pair},
    {type_ecdsa_public, 1, 192, 521, ecc_public},
    {type_ecdsa_pair, 1, 192, 521, ecc_pair},
    {type_ecdh_public, 1, 192, 521, ecc_public},
    {type_ecdh_pair, 1, 192, 521, ecc_pair},
};

} // namespace

std::size_t KeyKind::place_of(std::uint64_t id) const {
    return static_cast<std::size_t>(
        std::find_if(attributes.begin(),
                     attributes.end(),
                     [&](const AttributeKind& kind) { return kind.id == id; }) -
        attributes.begin());
}

const KeyKind* key_kind(std::uint64_t type) {
    const auto* const found = std::find_if(
        std::begin(kinds), std::end(kinds), [&](const KeyKind& kind) { return kind.type == type; });
    return found != std::end(kinds) ? found : nullptr;
}

} // namespace authex::tee::trustzone
