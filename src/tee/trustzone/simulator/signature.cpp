#include "tee/trustzone/simulator/signature.hpp"

#include <algorithm>
#include <bit>

#include <bearssl/bearssl_rsa.h>

#include "tee/trustzone/simulator/curve.hpp"
#include "tee/trustzone/simulator/key_attributes.hpp"
#include "tee/trustzone/simulator/operation.hpp"
#include "tee/trustzone/simulator/rsa_padding.hpp"

namespace authex::tee::trustzone {
namespace {

unsigned char* octets(const Attribute& attribute) {
    return const_cast<unsigned char*>(attribute.bytes.data()); // BearSSL reads only
}

/// To the power of an exponent of the key's, in place: the private one, too, since a TA need not
/// give the primes.
bool raise(const KeyObject& key, const Attribute& exponent, Bytes number) {
    const Attribute& modulus = key.attribute(rsa_modulus);
    const br_rsa_public_key power = {
        .n = octets(modulus), .nlen = modulus.size, .e = octets(exponent), .elen = exponent.size};
    return br_rsa_public_get_default()(number.data(), number.size(), &power) == 1;
}

std::size_t bits_of(const Attribute& modulus) {
    return modulus.size == 0
               ? 0
               : 8 * modulus.size - static_cast<std::size_t>(std::countl_zero(modulus.bytes[0]));
}

/// As long as the digest, unless the TA says another length.
std::size_t salt_bytes_of(const GivenAttributes& given, std::size_t digest_bytes) {
    constexpr std::uint32_t more_than_any = 0x7FFFFFFF;
    const GivenAttribute* const said = given.find(rsa_salt_bytes);
    return said != nullptr && said->value < more_than_any ? said->value : digest_bytes;
}

struct Job {
    const Operation& operation;
    const KeyObject& key;
    const br_hash_class& hash;
    ByteView digest;
    std::size_t salt_bytes = 0;
};

std::uint32_t sign_rsa(Core& core, const Job& job, Bytes to) {
    const Attribute& modulus = job.key.attribute(rsa_modulus);
    bool encoded = false;
    if (signing_of(job.operation.algorithm) == Signing::pkcs1) {
        encoded = encode_pkcs1(job.hash, job.digest, to);
    } else if (job.salt_bytes <= to.size()) {
        std::array<std::uint8_t, rsa_bytes_max> salt{};
        br_hmac_drbg_generate(&core.random, salt.data(), job.salt_bytes);
        encoded = encode_pss(
            job.hash, job.digest, ByteView(salt).first(job.salt_bytes), bits_of(modulus), to);
    }
    return encoded && raise(job.key, job.key.attribute(rsa_private_exponent), to)
               ? tee_success
               : tee_bad_parameters;
}

bool verify_rsa(const Job& job, ByteView signature) {
    const Attribute& modulus = job.key.attribute(rsa_modulus);
    std::array<std::uint8_t, rsa_bytes_max> place{};
    if (signature.size() != modulus.size || signature.size() > place.size()) {
        return false;
    }
    const Bytes opened = Bytes(place).first(signature.size());
    copy(signature, opened);
    if (!raise(job.key, job.key.attribute(rsa_public_exponent), opened)) {
        return false;
    }
    if (signing_of(job.operation.algorithm) == Signing::pss) {
        return is_pss(job.hash, job.digest, job.salt_bytes, bits_of(modulus), opened);
    }
    std::array<std::uint8_t, rsa_bytes_max> expected{};
    return encode_pkcs1(job.hash, job.digest, Bytes(expected).first(opened.size())) &&
           std::equal(opened.begin(), opened.end(), expected.begin());
}

std::uint32_t sign_ecdsa(const Job& job, const Curve& curve, Bytes to) {
    const Attribute& number = job.key.attribute(ecc_private);
    const br_ec_private_key key = {
        .curve = curve.bearssl, .x = octets(number), .xlen = number.size};
    return br_ecdsa_sign_raw_get_default()(
               br_ec_get_default(), &job.hash, job.digest.data(), &key, to.data()) == to.size()
               ? tee_success
               : tee_generic;
}

bool verify_ecdsa(const Job& job, const Curve& curve, ByteView signature) {
    std::optional<Point> point =
        point_of(curve, job.key.attribute(ecc_x).view(), job.key.attribute(ecc_y).view());
    if (!point) {
        return false;
    }
    const br_ec_public_key key = {
        .curve = curve.bearssl, .q = point->bytes.data(), .qlen = point->size};
    return br_ecdsa_vrfy_raw_get_default()(br_ec_get_default(),
                                           job.digest.data(),
                                           job.digest.size(),
                                           &key,
                                           signature.data(),
                                           signature.size()) == 1;
}

/// Null: a signature of RSA's, or the key lies on another curve than the algorithm's.
const Curve* curve_for(const Operation& operation, const KeyObject& key) {
    if (signing_of(operation.algorithm) != Signing::ecdsa) {
        return nullptr;
    }
    const std::uint32_t number = key.attribute(ecc_curve).value;
    return number == curve_number_of(operation.algorithm) ? curve_of(number) : nullptr;
}

std::uint32_t make(Core& core, const Job& job, Bytes room, std::uint64_t& size) {
    const Curve* const curve = curve_for(job.operation, job.key);
    const bool is_rsa = signing_of(job.operation.algorithm) != Signing::ecdsa;
    if (!is_rsa && curve == nullptr) {
        return tee_bad_parameters;
    }
    size = is_rsa ? job.key.attribute(rsa_modulus).size : 2 * curve->bytes;
    if (room.size() < size) {
        return tee_short_buffer;
    }
    const Bytes to = room.first(static_cast<std::size_t>(size));
    return is_rsa ? sign_rsa(core, job, to) : sign_ecdsa(job, *curve, to);
}

} // namespace

std::uint32_t sign(Core& core, const Arguments& arguments) {
    const Operation* const operation = operation_of(arguments);
    if (operation == nullptr) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> digest = core.readable(arguments[3], arguments[4]);
    std::uint64_t room = 0;
    if (!digest || !core.memory.take(arguments[6], room)) {
        return tee_access_denied;
    }
    const std::optional<Bytes> to = core.writable(arguments[5], room);
    if (!to) {
        return tee_access_denied;
    }
    GivenAttributes given;
    if (const std::uint32_t taken = given.take(core, arguments[1], arguments[2])) {
        return taken;
    }
    const bool signs = operation->kind() == Class::signature && operation->mode == mode_sign;
    const KeyObject* const key = operation->filled_key();
    if (key == nullptr || !signs) {
        return signs ? tee_generic : tee_bad_parameters;
    }
    const br_hash_class& hash = *hash_of(operation->algorithm);
    if (digest->size() != bytes_of(hash)) {
        return tee_bad_parameters;
    }
    std::uint64_t size = 0;
    const Job job = {*operation, *key, hash, *digest, salt_bytes_of(given, digest->size())};
    const std::uint32_t result = make(core, job, *to, size);
    if (result != tee_success && result != tee_short_buffer) {
        return result;
    }
    return core.memory.put(arguments[6], size) ? result : tee_access_denied;
}

std::uint32_t verify(const Core& core, const Arguments& arguments) {
    const Operation* const operation = operation_of(arguments);
    if (operation == nullptr || operation->kind() != Class::signature ||
        operation->mode != mode_verify) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> digest = core.readable(arguments[3], arguments[4]);
    const std::optional<ByteView> signature = core.readable(arguments[5], arguments[6]);
    if (!digest || !signature) {
        return tee_access_denied;
    }
    GivenAttributes given;
    if (const std::uint32_t taken = given.take(core, arguments[1], arguments[2])) {
        return taken;
    }
    const KeyObject* const key = operation->filled_key();
    const br_hash_class& hash = *hash_of(operation->algorithm);
    if (key == nullptr || digest->size() != bytes_of(hash)) {
        return tee_bad_parameters;
    }
    const Job job = {*operation, *key, hash, *digest, salt_bytes_of(given, digest->size())};
    if (signing_of(operation->algorithm) != Signing::ecdsa) {
        return verify_rsa(job, *signature) ? tee_success : tee_signature_invalid;
    }
    const Curve* const curve = curve_for(*operation, *key);
    if (curve == nullptr || signature->size() != 2 * curve->bytes) {
        return tee_bad_parameters;
    }
    return verify_ecdsa(job, *curve, *signature) ? tee_success : tee_signature_invalid;
}

} // namespace authex::tee::trustzone
