#include "tee/trustzone/simulator/key_generation.hpp"

#include <bearssl/bearssl_rsa.h>

#include "tee/trustzone/simulator/curve.hpp"
#include "tee/trustzone/simulator/key_attributes.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t rsa_bits_max = 4096;

std::uint32_t make_secret(Core& core, KeyObject& object, std::uint64_t bits) {
    std::array<std::uint8_t, attribute_bytes_max> secret{};
    br_hmac_drbg_generate(&core.random, secret.data(), secret.size());
    object.set_secret(ByteView(secret).first(static_cast<std::size_t>(bits / 8)));
    wipe(secret);
    return tee_success;
}

/// 0: none that is odd and of 65537 to 2^32 − 1, which is what BearSSL takes.
std::uint32_t public_exponent(const KeyObject& object) {
    constexpr std::uint32_t usual = 65537;
    const Attribute& given = object.attribute(rsa_public_exponent);
    if (!given.present) {
        return usual;
    }
    std::uint64_t exponent = 0;
    for (std::size_t i = 0; i < given.size && i < sizeof exponent; ++i) {
        exponent = exponent << 8U | given.bytes[i];
    }
    const bool fits = given.size <= sizeof(std::uint32_t) && exponent % 2 == 1 && exponent >= usual;
    return fits ? static_cast<std::uint32_t>(exponent) : 0;
}

std::uint32_t make_rsa(Core& core, KeyObject& object, std::uint64_t bits) {
    const std::uint32_t exponent = public_exponent(object);
    if (exponent == 0) {
        return tee_bad_parameters;
    }
    std::array<std::uint8_t, BR_RSA_KBUF_PRIV_SIZE(rsa_bits_max)> private_place{};
    std::array<std::uint8_t, BR_RSA_KBUF_PUB_SIZE(rsa_bits_max)> public_place{};
    std::array<std::uint8_t, rsa_bits_max / 8> private_exponent{};
    br_rsa_private_key pair{};
    br_rsa_public_key public_key{};
    if (br_rsa_keygen_get_default()(&core.random.vtable,
                                    &pair,
                                    private_place.data(),
                                    &public_key,
                                    public_place.data(),
                                    static_cast<unsigned>(bits),
                                    exponent) == 0) {
        return tee_bad_parameters; // BearSSL makes none below 512 bits
    }
    const std::size_t bytes =
        br_rsa_compute_privexp_get_default()(private_exponent.data(), &pair, exponent);
    object.attribute(rsa_modulus).set_number({public_key.n, public_key.nlen});
    object.attribute(rsa_public_exponent).set_number({public_key.e, public_key.elen});
    object.attribute(rsa_private_exponent).set_number(ByteView(private_exponent).first(bytes));
    object.attribute(rsa_prime_1).set_number({pair.p, pair.plen});
    object.attribute(rsa_prime_2).set_number({pair.q, pair.qlen});
    object.attribute(rsa_exponent_1).set_number({pair.dp, pair.dplen});
    object.attribute(rsa_exponent_2).set_number({pair.dq, pair.dqlen});
    object.attribute(rsa_coefficient).set_number({pair.iq, pair.iqlen});
    wipe(private_place);
    wipe(private_exponent);
    return tee_success;
}

std::uint32_t make_ecc(Core& core, KeyObject& object, std::uint64_t bits) {
    const Curve& curve = *curve_of(object.attribute(ecc_curve).value);
    if (bits != curve.bits) {
        return tee_bad_parameters;
    }
    const br_ec_impl* const implementation = br_ec_get_default();
    std::array<std::uint8_t, BR_EC_KBUF_PRIV_MAX_SIZE> private_place{};
    std::array<std::uint8_t, BR_EC_KBUF_PUB_MAX_SIZE> public_place{};
    br_ec_private_key pair{};
    (void)br_ec_keygen(
        &core.random.vtable, implementation, &pair, private_place.data(), curve.bearssl);
    (void)br_ec_compute_pub(implementation, nullptr, public_place.data(), &pair);
    const ByteView coordinates = ByteView(public_place).subspan(1);
    object.attribute(ecc_private).set_number({pair.x, pair.xlen});
    object.attribute(ecc_x).set_number(coordinates.first(curve.bytes));
    object.attribute(ecc_y).set_number(coordinates.subspan(curve.bytes, curve.bytes));
    wipe(private_place);
    return tee_success;
}

std::uint32_t make(Core& core, KeyObject& object, std::uint64_t bits) {
    switch (object.kind->type) {
    case type_rsa_pair:
        return make_rsa(core, object, bits);
    case type_ecdsa_pair:
    case type_ecdh_pair:
        return make_ecc(core, object, bits);
    default:
        return object.kind->is_secret() ? make_secret(core, object, bits) : tee_bad_format;
    }
}

} // namespace

std::uint32_t generate_key(Core& core, const Arguments& arguments) {
    KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr || object->initialized) {
        return tee_bad_state;
    }
    const std::uint64_t bits = arguments[1];
    if (!object->kind->may_have(bits) || bits > object->bits_max) {
        return tee_not_supported;
    }
    GivenAttributes given;
    if (const std::uint32_t taken = given.take(core, arguments[2], arguments[3])) {
        return taken;
    }
    if (const std::uint32_t wrong = check_attributes(*object->kind, given, Purpose::make)) {
        return wrong;
    }
    const std::uint32_t put = put_attributes(*object, given);
    const std::uint32_t made = put == tee_success ? make(core, *object, bits) : put;
    if (made == tee_success) {
        object->initialized = true;
        object->bits = static_cast<std::uint32_t>(bits);
    } else {
        object->clear();
    }
    return made;
}

} // namespace authex::tee::trustzone
