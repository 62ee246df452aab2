#include "tee/trustzone/device_key_file.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "tee/key_file.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr unsigned exponent = 65537;

struct FreeNumber {
    void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

Number parameter(const EVP_PKEY& key, const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(&key, name, &number);
    return Number(number);
}

bool into(const EVP_PKEY& key, const char* name, Bytes big_endian) {
    const Number number = parameter(key, name);
    const int bytes = static_cast<int>(big_endian.size());
    return number != nullptr && BN_bn2binpad(number.get(), big_endian.data(), bytes) == bytes;
}

bool fits(const EVP_PKEY& key) {
    const Number e = parameter(key, OSSL_PKEY_PARAM_RSA_E);
    return EVP_PKEY_is_a(&key, "RSA") == 1 && e != nullptr && BN_is_word(e.get(), exponent) == 1 &&
           EVP_PKEY_get_bits(&key) == static_cast<int>(device_key_bits);
}

SharedKey make_key() {
    return {EVP_RSA_gen(static_cast<unsigned>(device_key_bits)), EVP_PKEY_free};
}

} // namespace

Expected<DeviceKeyPair> open_device_key(const std::filesystem::path& file) {
    const Expected<SharedKey> key = open_key_file(
        file,
        {.make = make_key,
         .fits = fits,
         .name = "RSA key of 3072 bits with the exponent 65537",
         .command = "remove the file: another is made, which deployers must be told to trust"});
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    DeviceKeyPair pair;
    if (!into(**key, OSSL_PKEY_PARAM_RSA_N, pair.modulus) ||
        !into(**key, OSSL_PKEY_PARAM_RSA_FACTOR1, pair.secret.p) ||
        !into(**key, OSSL_PKEY_PARAM_RSA_FACTOR2, pair.secret.q) ||
        !into(**key, OSSL_PKEY_PARAM_RSA_EXPONENT1, pair.secret.dp) ||
        !into(**key, OSSL_PKEY_PARAM_RSA_EXPONENT2, pair.secret.dq) ||
        !into(**key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, pair.secret.iq)) {
        return failure("signing-key",
                       fmt::format("{} has no two primes of 1536 bits", file.string()),
                       "remove the file: another is made");
    }
    return pair;
}

} // namespace authex::tee::trustzone
