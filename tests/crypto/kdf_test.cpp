#include "crypto/kdf.hpp"

#include <memory>
#include <numeric>

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <rapidcheck/gtest.h>

#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

Octets octets(const Hash& hash) {
    return {hash.begin(), hash.end()};
}

Octets text(const std::string& characters) {
    return {characters.begin(), characters.end()};
}

TEST(Sha256, GivesThePublishedResults) { // NIST's examples for FIPS 180-4
    EXPECT_EQ(octets(sha256({})),
              from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    EXPECT_EQ(octets(sha256(from_hex("616263"))),
              from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT_EQ(octets(sha256(text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
              from_hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    EXPECT_EQ(octets(sha256(text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"))),
              from_hex("cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"));
    EXPECT_EQ(octets(sha256(text(std::string(1000000, 'a')))),
              from_hex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

RC_GTEST_PROP(Sha256, OfTwoStringsIsThatOfOneAsOpenSslSees, ()) {
    const auto random = [] {
        const auto size = *rc::gen::inRange<std::size_t>(0, 200);
        return *rc::gen::container<Octets>(size, rc::gen::arbitrary<std::uint8_t>());
    };
    const Octets first = random();
    const Octets second = random();
    Octets both = first;
    both.insert(both.end(), second.begin(), second.end());
    Octets expected(32);
    RC_ASSERT(
        EVP_Digest(both.data(), both.size(), expected.data(), nullptr, EVP_sha256(), nullptr) == 1);
    RC_ASSERT(octets(sha256(first, second)) == expected);
}

TEST(Hkdf, GivesTheResultsOfRfc5869) {
    Octets out(42);
    hkdf_sha256(from_hex("000102030405060708090a0b0c"),
                Octets(22, 0x0b),
                from_hex("f0f1f2f3f4f5f6f7f8f9"),
                out);
    EXPECT_EQ(out,
              from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b"
                       "887185865"));
    const auto counted = [](std::uint8_t from) { // 80 bytes
        Octets bytes(80);
        std::iota(bytes.begin(), bytes.end(), from);
        return bytes;
    };
    Octets longer(82);
    hkdf_sha256(counted(0x60), counted(0x00), counted(0xb0), longer);
    EXPECT_EQ(longer,
              from_hex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac"
                       "7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01"
                       "d5c1f3434f1d87"));
    hkdf_sha256({}, Octets(22, 0x0b), {}, out);
    EXPECT_EQ(out,
              from_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa"
                       "4b61a96c8"));
}

TEST(Generator, GivesZeroesBeforeTheFirstSeed) {
    Generator generator;
    Octets out(40, 7);
    generator.fill(out);
    EXPECT_EQ(out, Octets(40, 0));
    EXPECT_FALSE(generator.seeded());
}

TEST(Generator, FollowsFromItsSeedsAlone) {
    Generator a;
    Generator b;
    a.seed(Octets(32, 1));
    b.seed(Octets(32, 1));
    Octets from_a(100);
    Octets from_b(100);
    a.fill(from_a);
    b.fill(from_b);
    EXPECT_EQ(from_a, from_b);
    a.fill(from_a);
    EXPECT_NE(from_a, from_b);
    b.seed(Octets(32, 2));
    b.fill(from_b);
    EXPECT_NE(from_a, from_b);
}

struct FreeRand {
    void operator()(EVP_RAND_CTX* context) const { EVP_RAND_CTX_free(context); }
};
using Rand = std::unique_ptr<EVP_RAND_CTX, FreeRand>;

Rand openssl_rand(const char* name, EVP_RAND_CTX* parent) {
    const std::unique_ptr<EVP_RAND, decltype(&EVP_RAND_free)> type(
        EVP_RAND_fetch(nullptr, name, nullptr), EVP_RAND_free);
    return Rand(EVP_RAND_CTX_new(type.get(), parent));
}

/// OpenSSL's HMAC_DRBG of SP 800-90A, with entropy that is known.
Octets generate_with_openssl(Octets entropy, Octets nonce, std::size_t size) {
    const Rand source = openssl_rand("TEST-RAND", nullptr);
    unsigned strength = 256;
    const OSSL_PARAM of_source[] = {
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
        OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, entropy.data(), entropy.size()),
        OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_NONCE, nonce.data(), nonce.size()),
        OSSL_PARAM_END};
    EXPECT_EQ(EVP_RAND_instantiate(source.get(), strength, 0, nullptr, 0, of_source), 1);
    const Rand generator = openssl_rand("HMAC-DRBG", source.get());
    char digest[] = "SHA256";
    char mac[] = "HMAC";
    const OSSL_PARAM of_generator[] = {OSSL_PARAM_utf8_string(OSSL_DRBG_PARAM_DIGEST, digest, 0),
                                       OSSL_PARAM_utf8_string(OSSL_DRBG_PARAM_MAC, mac, 0),
                                       OSSL_PARAM_END};
    const std::uint8_t none = 0; // a null pointer would stand for OpenSSL's own personalisation
    Octets out(size);
    EXPECT_EQ(EVP_RAND_instantiate(generator.get(), strength, 0, &none, 0, of_generator), 1);
    EXPECT_EQ(EVP_RAND_generate(generator.get(), out.data(), size, strength, 0, nullptr, 0), 1);
    return out;
}

TEST(Generator, AgreesWithOpenSslsHmacDrbg) {
    const Octets entropy(32, 0x42);
    const Octets nonce(16, 0x17);
    Octets seed = entropy; // what is instantiated with: entropy, then nonce
    seed.insert(seed.end(), nonce.begin(), nonce.end());
    for (const std::size_t size : {1U, 32U, 33U, 1000U}) {
        Generator generator;
        generator.seed(seed);
        Octets out(size);
        generator.fill(out);
        EXPECT_EQ(out, generate_with_openssl(entropy, nonce, size)) << size;
    }
}

TEST(Generator, FillsMoreThanOneRequest) {
    Generator generator;
    generator.seed(Octets(32, 1));
    Octets out(200000);
    generator.fill(out);
    EXPECT_NE(Octets(out.begin(), out.begin() + 32), Octets(out.end() - 32, out.end()));
    EXPECT_NE(Octets(out.end() - 32, out.end()), Octets(32, 0));
}

} // namespace
} // namespace authex::crypto
