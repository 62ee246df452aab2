#include "tee/sgx/signer.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/free_with.hpp"
#include "tee/distant_signature.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;

constexpr unsigned key_bits = 3072;

using BigNumber = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

tl::unexpected<Diagnostic> bad_key(const std::string& what, const std::string& fix) {
    return failure("signing-key", what, fix);
}

SharedKey make_key() {
    const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
    const BigNumber exponent(BN_new());
    EVP_PKEY* key = nullptr;
    if (context == nullptr || exponent == nullptr || BN_set_word(exponent.get(), 3) != 1 ||
        EVP_PKEY_keygen_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), key_bits) != 1 ||
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), exponent.get()) != 1 ||
        EVP_PKEY_keygen(context.get(), &key) != 1) {
        return nullptr;
    }
    return {key, EVP_PKEY_free};
}

BigNumber parameter(const EVP_PKEY& key, const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(&key, name, &number);
    return BigNumber(number);
}

bool fits(const EVP_PKEY& key) {
    const BigNumber exponent = parameter(key, OSSL_PKEY_PARAM_RSA_E);
    return exponent != nullptr && BN_is_word(exponent.get(), 3) &&
           EVP_PKEY_get_bits(&key) == static_cast<int>(key_bits);
}

BigNumber from(ByteView little_endian) {
    return BigNumber(
        BN_lebin2bn(little_endian.data(), static_cast<int>(little_endian.size()), nullptr));
}

bool into(const BIGNUM& number, RsaNumber& little_endian) {
    return BN_bn2lebinpad(&number, little_endian.data(), static_cast<int>(rsa_bytes)) ==
           static_cast<int>(rsa_bytes);
}

/// Q1 = ⌊S² / N⌋, Q2 = ⌊(S³ − Q1·S·N) / N⌋. (Intel SDM vol. 3D, table 34-21)
bool fill_quotients(Sigstruct& fields) {
    const std::unique_ptr<BN_CTX, FreeWith<BN_CTX_free>> context(BN_CTX_new());
    const BigNumber s = from(fields.signature);
    const BigNumber n = from(fields.modulus);
    const BigNumber square(BN_new());
    const BigNumber q1(BN_new());
    const BigNumber rest(BN_new());
    const BigNumber product(BN_new());
    const BigNumber q2(BN_new());
    return context != nullptr && q2 != nullptr && product != nullptr && rest != nullptr &&
           BN_sqr(square.get(), s.get(), context.get()) == 1 &&
           BN_div(q1.get(), rest.get(), square.get(), n.get(), context.get()) == 1 &&
           BN_mul(product.get(), rest.get(), s.get(), context.get()) == 1 &&
           BN_div(q2.get(), nullptr, product.get(), n.get(), context.get()) == 1 &&
           into(*q1, fields.q1) && into(*q2, fields.q2);
}

std::array<std::uint8_t, sigstruct_bytes> bytes_of_fields(const Sigstruct& fields) {
    std::array<std::uint8_t, sigstruct_bytes> bytes{};
    write_sigstruct(fields, bytes);
    return bytes;
}

Expected<RsaNumber> read_modulus(const fs::path& file) {
    const std::unique_ptr<BIO, FreeWith<BIO_free_all>> bio(BIO_new_file(file.c_str(), "rb"));
    const std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key(
        bio == nullptr ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
    RsaNumber modulus{};
    if (key == nullptr || !fits(*key) || !into(*parameter(*key, OSSL_PKEY_PARAM_RSA_N), modulus)) {
        return bad_key(
            fmt::format(
                "{} is no public key of RSA with 3072 bits and the exponent 3 that can be read",
                file.string()),
            "openssl pkey -in vendor.pem -pubout writes the public half of a key");
    }
    return modulus;
}

} // namespace

Expected<SigningKey> SigningKey::open(const fs::path& file) {
    Expected<SharedKey> key = open_key_file(
        file,
        {.make = make_key,
         .fits = fits,
         .name = "RSA key of 3072 bits with the exponent 3",
         .command = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt "
                    "rsa_keygen_pubexp:3"});
    return key ? Expected<SigningKey>(SigningKey(std::move(*key)))
               : tl::make_unexpected(key.error());
}

Expected<bool> SigningKey::sign(Sigstruct& fields) const {
    const BigNumber modulus = parameter(*key_, OSSL_PKEY_PARAM_RSA_N);
    const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    const auto message = signed_fields(bytes_of_fields(fields));
    RsaNumber signature{};
    std::size_t size = signature.size();
    if (modulus == nullptr || context == nullptr || !into(*modulus, fields.modulus) ||
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) !=
            1 ||
        size != signature.size()) {
        return bad_key("the enclave cannot be signed", "look at the signing key");
    }
    const RsaNumber stored = fields.modulus;
    return attach_signature(fields, stored, signature);
}

Expected<bool> take_signature(Sigstruct& fields, const DistantKey& key, const std::string& name) {
    const Expected<RsaNumber> modulus = read_modulus(key.public_key);
    if (!modulus) {
        return tl::make_unexpected(modulus.error());
    }
    const DistantSignature distant(key.signatures, name);
    if (attach_signature(fields, *modulus, distant.read())) {
        return true;
    }
    return distant.ask(signed_fields(bytes_of_fields(fields)));
}

Expected<bool> attach_signature(Sigstruct& fields, ByteView modulus, ByteView signature) {
    if (modulus.size() != rsa_bytes || signature.size() != rsa_bytes) {
        return bad_key("the signature is not one of RSA-3072", "sign the bytes that were printed");
    }
    copy(modulus, fields.modulus);
    std::reverse_copy(signature.begin(), signature.end(), fields.signature.begin());
    if (!fill_quotients(fields) || !signature_holds(bytes_of_fields(fields))) {
        return bad_key("the signature does not hold", "sign the bytes that were printed");
    }
    return true;
}

} // namespace authex::tee::sgx
