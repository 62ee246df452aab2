// Asymmetric keys and signatures. On both processors, where they are.
#include "tee/trustzone/operations.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::uint64_t pkcs1_sha1 = 0x70002830;
constexpr std::uint64_t pkcs1_sha256 = 0x70004830;
constexpr std::uint64_t pss_sha256 = 0x70414930;
constexpr std::uint64_t ecdsa_p256 = 0x70003042;
constexpr std::uint64_t rsa_public = 0xA0000030;
constexpr std::uint64_t rsa_pair = 0xA1000030;
constexpr std::uint64_t ecdsa_public = 0xA0000041;
constexpr std::uint64_t ecdsa_pair = 0xA1000041;
constexpr std::uint64_t modulus = 0xD0000130;
constexpr std::uint64_t public_exponent = 0xD0000230;
constexpr std::uint64_t private_exponent = 0xC0000330;
constexpr std::uint64_t salt_bytes = 0xF0000A30;
constexpr std::uint64_t x_at = 0xD0000141;
constexpr std::uint64_t y_at = 0xD0000241;
constexpr std::uint64_t private_value = 0xC0000341;
constexpr std::uint64_t curve = 0xF0000441;
constexpr std::uint64_t p256 = 3;

const std::vector<std::uint8_t> test_text = {'T', 'e', 's', 't'};
const std::vector<std::uint8_t> sample_text = {'s', 'a', 'm', 'p', 'l', 'e'};

struct RsaVector {
    std::uint64_t algorithm;
    std::uint64_t digest;
    std::string n;
    std::string d;
    std::string signature;
};
/// Project Wycheproof, rsa_sig_gen_misc_test.json, of the text "Test".
const RsaVector rsa_vectors[] = {
    {pkcs1_sha1,
     0x50000002,
     "d0941e63a980fa92fb25ed4c7b3307f827023034ae7f1a7491f0699ca7607285e62ad8e994bac21b8b6e305e334f"
     "4874067d28e304230dca7f0e85f7ce595770b6e054c9f844ba86c0696eeba0769d8d4a347e8fe85c724ac1c44994"
     "af18a39e719f721f1bc50c46a39e6c075fcd1649f01f22608ce7dc6955502258336987d9",
     "5ff4a47e690ea338573e3d8b3fea5c32378ff4296855a51017cba86a9f3de9b1dc0fbe36c76b9bbd1c4a170a5f44"
     "8c2a8489b3f3ac858be4aacb3daaa14dccc183622eedd3ae6f0427a2a298b51b97818a5430f13705f42d8b25476f"
     "939c935e389e30d9ade5d0180920135f5aef0c5fecd15f00b83b51dab8ba930d88826801",
     "0891ef2061c4d3377744cd7243ccc444619df533f4eadee216f7ffb9244e86d3e0162fc82c0b9502dc7aeebaf788"
     "4067e5f18f21b395c43bbfce5559ae84157ffde2aa457b7f44675e706af443acd9e38070428dfc6471a24cdc0d44"
     "f9283ac158704ad114375f10c24e3adbd12c55dabb78b8c41d3938124acc74126c82bb0b"},
    {pkcs1_sha256,
     sha256,
     "ac9048a7a4f560af91b4fcaf62a14595cb9ca9ec12000fc845e48572113cab2890adb011a919575a40760d1f23fe"
     "92509c8a5810b6d05990b909dd0f4c6014f2b31b6abd805bace99816e2eda41fd7b95405db7c5c8f4cf6babb14f5"
     "50d5d0dd5179b54951fff6aa9686f30f478db649b7c7044cc202dccad00343468eaacfbf",
     "8505d47c271560aaf6cf65da6d5594a69c86f01622ea194071606fde369b65f5a751bce06052409c3a04c6a8b2be"
     "935bc0d084829dea8ea0998398fd2a0b0719ac1a1ae2d133fcc72d9df27b377b9a0109ef1a564e92b66963356b8d"
     "a48f88fcdbc20658f74b542582925ec5cd03fb5e9a527c670465f792a69c1f6c7c5e1841",
     "8883676becdc27878ccdff53dda011e5e2f886e31e1e88d520bb161cd63aa001fded9f0656109c1507bd1ba5d3bb"
     "3e725029a236b4c3c0420a1fcfffe348c5277d6aa51bf75d9af26fdc15fc49d637b078a8b0478b5b0a9c428756d2"
     "60068e5e622f193b9f9a2c1d979e3322d7f3edc32053541c6efa2485e42e99a804f94388"}};

struct EcdsaVector {
    std::uint64_t algorithm;
    std::uint64_t digest;
    std::uint64_t curve;
    std::uint64_t bits;
    std::string d;
    std::string x;
    std::string y;
    std::string signature;
};
/// RFC 6979, A.2.5 and A.2.6, of the text "sample".
const EcdsaVector ecdsa_vectors[] = {
    {ecdsa_p256,
     sha256,
     p256,
     256,
     "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {0x70004042,
     0x50000005,
     4,
     384,
     "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2"
     "edf5",
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480"
     "bc13",
     "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd253326"
     "4720",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fa"
     "be4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a"
     "38628ac8"}};

class Signatures : public Operations {
  protected:
    static constexpr std::uint64_t digest_at = 32;
    static constexpr std::uint64_t signature_at = 128;
    static constexpr std::uint64_t room_at = 640;

    static std::vector<Given> rsa_of(const RsaVector& one, bool with_private) {
        std::vector<Given> all = {{modulus, from_hex(one.n)},
                                  {public_exponent, from_hex("010001")}};
        if (with_private) {
            all.push_back({private_exponent, from_hex(one.d)});
        }
        return all;
    }
    static std::vector<Given> ecdsa_of(const EcdsaVector& one, bool with_private) {
        std::vector<Given> all = {
            {x_at, from_hex(one.x)}, {y_at, from_hex(one.y)}, {curve, {}, one.curve}};
        if (with_private) {
            all.push_back({private_value, from_hex(one.d)});
        }
        return all;
    }
    std::vector<std::uint8_t> digest_of(std::uint64_t algorithm, ByteView text) {
        const std::uint64_t state = begin(algorithm, digest);
        std::vector<std::uint8_t> out = hash(state, text);
        EXPECT_EQ(call(Call::state_free, {state}), tee_success);
        return out;
    }
    std::uint32_t sign(std::uint64_t state,
                       ByteView digest,
                       std::uint64_t room = 512,
                       const std::vector<Given>& parameters = {}) {
        memory_ = {};
        give(given_at, parameters);
        put(digest_at, digest);
        memory_.put(room_at, room);
        return call(Call::asymm_operate,
                    {state,
                     place(given_at),
                     parameters.size(),
                     place(digest_at),
                     digest.size(),
                     place(signature_at),
                     place(room_at)});
    }
    std::vector<std::uint8_t> signature() {
        return memory_.part(signature_at, memory_.take<std::uint64_t>(room_at));
    }
    std::uint32_t verify(std::uint64_t state,
                         ByteView digest,
                         ByteView signature,
                         const std::vector<Given>& parameters = {}) {
        memory_ = {};
        give(given_at, parameters);
        put(digest_at, digest);
        put(signature_at, signature);
        return call(Call::asymm_verify,
                    {state,
                     place(given_at),
                     parameters.size(),
                     place(digest_at),
                     digest.size(),
                     place(signature_at),
                     signature.size()});
    }
    /// True, false, and neither with anything changed.
    void expect_verifies(std::uint64_t state, ByteView digest, ByteView signature) {
        EXPECT_EQ(verify(state, digest, signature), tee_success);
        for (const std::size_t at : {std::size_t{0}, signature.size() / 2, signature.size() - 1}) {
            std::vector<std::uint8_t> other(signature.begin(), signature.end());
            other[at] ^= 1U;
            EXPECT_EQ(verify(state, digest, other), tee_signature_invalid) << at;
        }
        std::vector<std::uint8_t> other(digest.begin(), digest.end());
        other.back() ^= 1U;
        EXPECT_EQ(verify(state, other, signature), tee_signature_invalid);
    }
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         Signatures,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(Signatures, OfPkcs1AreThoseOfThirdParties) {
    for (const RsaVector& one : rsa_vectors) {
        const auto digest = digest_of(one.digest, test_text);
        const std::uint64_t pair = make_key(rsa_pair, 2048, rsa_of(one, true));
        const std::uint64_t signing = begin(one.algorithm, signs, pair);
        EXPECT_EQ(sign(signing, digest, 127), tee_short_buffer);
        EXPECT_EQ(memory_.take<std::uint64_t>(room_at), 128U);
        ASSERT_EQ(sign(signing, digest), tee_success);
        EXPECT_EQ(signature(), from_hex(one.signature));
        const std::uint64_t key = make_key(rsa_public, 1024, rsa_of(one, false));
        expect_verifies(begin(one.algorithm, verifies, key), digest, from_hex(one.signature));
    }
}

/// Project Wycheproof, rsa_pss_2048_sha256_mgf1_32_test.json, test 3: of the text "Test".
TEST_P(Signatures, OfPssAreThoseOfThirdParties) {
    const RsaVector one = {
        pss_sha256,
        sha256,
        "a2b451a07d0aa5f96e455671513550514a8a5b462ebef717094fa1fee82224e637f9746d3f7cafd31878d80325"
        "b6ef5a1700f65903b469429e89d6eac8845097b5ab393189db92512ed8a7711a1253facd20f79c15e8247f3d3e"
        "42e46e48c98e254a2fe9765313a03eff8f17e1a029397a1fa26a8dce26f490ed81299615d9814c22da610428e0"
        "9c7d9658594266f5c021d0fceca08d945a12be82de4d1ece6b4c03145b5d3495d4ed5411eb878daf05fd7afc3e"
        "09ada0f1126422f590975a1969816f48698bcbba1b4d9cae79d460d8f9f85e7975005d9bc22c4e5ac0f7c1a45d"
        "12569a62807d3b9a02e5a530e773066f453d1f5b4c2e9cf7820283f742b9d5",
        "",
        "401eb03cdb47ca88033e3030f6bdecbac8f5c8fc1dd6a13d23d379ed9a2b309891d13d74fea9d21d159b9e6d8f"
        "37efa2489962e24555f56dd434ff1d31ce4f9f5abd3f22cbea8b691d6a11e44efb83e2bca155e6a164325e0fde"
        "2a8865afd5c9f51161a9d615f62af7ec2e31b3e5ab649c164490d31d88cfae35b84aea7925690f929a144b6d2f"
        "48e8fb894a52deecd1b9a6496990c4ecf1588699a42cacd10c53af350514e4291ea9a058e77f101e32c1c0cefa"
        "61d945f7bc931f8bd19e7ba3169358a60e5a8b0123bc3199b9fdcafe8e519c41ba675491a27b85e44ef2d77277"
        "c10fe107293c8290186913bc9a99b640d8da041b64f31eab1d35920985f4a5"};
    const auto digest = digest_of(sha256, test_text);
    const std::uint64_t state =
        begin(pss_sha256, verifies, make_key(rsa_public, 2048, rsa_of(one, false)));
    expect_verifies(state, digest, from_hex(one.signature));
    EXPECT_EQ(verify(state, digest, from_hex(one.signature), {{salt_bytes, {}, 31}}),
              tee_signature_invalid)
        << "a salt of another length";
    EXPECT_EQ(verify(state, digest, from_hex(one.signature), {{salt_bytes, {}, 4000}}),
              tee_signature_invalid)
        << "no room for such a salt";
    EXPECT_EQ(verify(state, digest, std::vector<std::uint8_t>(255)), tee_signature_invalid);
}

TEST_P(Signatures, OfPssCanBeVerified) {
    const RsaVector& one = rsa_vectors[1];
    const auto digest = digest_of(sha256, test_text);
    const std::uint64_t signing =
        begin(pss_sha256, signs, make_key(rsa_pair, 1024, rsa_of(one, true)));
    const std::uint64_t verifying =
        begin(pss_sha256, verifies, make_key(rsa_public, 1024, rsa_of(one, false)));
    ASSERT_EQ(sign(signing, digest), tee_success);
    const auto first = signature();
    expect_verifies(verifying, digest, first);
    ASSERT_EQ(sign(signing, digest), tee_success);
    EXPECT_NE(signature(), first) << "another salt";
    const std::vector<Given> long_salt = {{salt_bytes, {}, 94}};
    ASSERT_EQ(sign(signing, digest, 512, long_salt), tee_success);
    EXPECT_EQ(verify(verifying, digest, signature(), long_salt), tee_success);
    EXPECT_EQ(sign(signing, digest, 512, {{salt_bytes, {}, 95}}), tee_bad_parameters);
    EXPECT_EQ(sign(signing, digest, 512, {{salt_bytes, {}, 0x7FFFFFFE}}), tee_bad_parameters);
}

TEST_P(Signatures, OfEcdsaAreThoseOfTheStandard) {
    for (const EcdsaVector& one : ecdsa_vectors) {
        const auto digest = digest_of(one.digest, sample_text);
        const std::uint64_t pair = make_key(ecdsa_pair, one.bits, ecdsa_of(one, true));
        const std::uint64_t signing = begin(one.algorithm, signs, pair);
        EXPECT_EQ(sign(signing, digest, 2 * one.bits / 8 - 1), tee_short_buffer);
        ASSERT_EQ(sign(signing, digest), tee_success);
        EXPECT_EQ(signature(), from_hex(one.signature));
        const std::uint64_t key = make_key(ecdsa_public, one.bits, ecdsa_of(one, false));
        const std::uint64_t verifying = begin(one.algorithm, verifies, key);
        expect_verifies(verifying, digest, from_hex(one.signature));
        EXPECT_EQ(verify(verifying, digest, from_hex("00")), tee_bad_parameters);
    }
}

TEST_P(Signatures, KeysThatAreMadeSignAndTheirPublicPartsVerify) {
    const auto digest = digest_of(sha256, sample_text);
    const std::uint64_t rsa = allocate(rsa_pair, 1024);
    ASSERT_EQ(generate(rsa, 1024), tee_success);
    EXPECT_EQ(attribute(rsa, modulus).size(), 128U);
    EXPECT_EQ(attribute(rsa, public_exponent), from_hex("010001"));
    const std::uint64_t ecdsa = allocate(ecdsa_pair, 256);
    ASSERT_EQ(generate(ecdsa, 256, {{curve, {}, p256}}), tee_success);
    for (const auto& [pair, type, bits, algorithm] :
         {std::tuple(rsa, rsa_public, 1024U, pss_sha256),
          std::tuple(ecdsa, ecdsa_public, 256U, ecdsa_p256)}) {
        const std::uint64_t part = allocate(type, bits);
        EXPECT_EQ(call(Call::object_copy, {part, pair}), tee_success);
        ASSERT_EQ(sign(begin(algorithm, signs, pair), digest), tee_success);
        const auto made = signature();
        expect_verifies(begin(algorithm, verifies, part), digest, made);
    }
    const std::uint64_t other = allocate(rsa_pair, 1024);
    EXPECT_EQ(generate(other, 1024, {{public_exponent, from_hex("010000")}}), tee_bad_parameters);
    EXPECT_EQ(generate(other, 1024, {{public_exponent, from_hex("03")}}), tee_bad_parameters);
    EXPECT_EQ(generate(other, 256), tee_bad_parameters) << "BearSSL makes none so small";
    EXPECT_EQ(generate(other, 2048), tee_not_supported) << "more than it has room for";
    ASSERT_EQ(generate(other, 1024, {{public_exponent, from_hex("010003")}}), tee_success);
    EXPECT_EQ(attribute(other, public_exponent), from_hex("010003"));
    EXPECT_NE(attribute(other, modulus), attribute(rsa, modulus));
    const std::uint64_t third = allocate(ecdsa_pair, 384);
    EXPECT_EQ(generate(third, 256), tee_item_not_found) << "no curve";
    EXPECT_EQ(generate(third, 384, {{curve, {}, p256}}), tee_bad_parameters);
    EXPECT_EQ(generate(third, 224, {{curve, {}, 2}}), tee_not_supported) << "P-224";
    EXPECT_EQ(generate(allocate(ecdsa_public, 256), 256), tee_bad_format);
}

TEST_P(Signatures, WhatDoesNotFitIsRefused) {
    const RsaVector& rsa = rsa_vectors[1];
    const auto digest = digest_of(sha256, test_text);
    const std::uint64_t key = make_key(rsa_public, 1024, rsa_of(rsa, false));
    EXPECT_EQ(begin(pss_sha256, signs, key), tee_bad_parameters) << "a public key does not sign";
    EXPECT_EQ(begin(ecdsa_p256, verifies, key), tee_bad_parameters);
    EXPECT_EQ(begin(0x70314930, verifies, key), tee_not_supported) << "MGF1 of another hash";
    EXPECT_EQ(begin(0x70001830, verifies, key), tee_not_supported) << "MD5";
    EXPECT_EQ(begin(0x70001042, verifies, key), tee_not_supported) << "P-192";
    const std::uint64_t verifying = begin(pkcs1_sha256, verifies, key);
    EXPECT_EQ(sign(verifying, digest), tee_bad_parameters) << "it verifies";
    EXPECT_EQ(verify(verifying, ByteView(digest).first(31), from_hex(rsa.signature)),
              tee_bad_parameters);
    EXPECT_EQ(call(Call::asymm_verify, {verifying, 0, 0, elsewhere, 32, place(0), 128}),
              tee_access_denied);
    EXPECT_EQ(call(Call::state_copy, {verifying, verifying}), tee_bad_state) << "nothing to copy";
    const std::uint64_t pair = make_key(rsa_pair, 1024, rsa_of(rsa, true));
    const std::uint64_t signing = begin(pkcs1_sha256, signs, pair);
    EXPECT_EQ(verify(signing, digest, from_hex(rsa.signature)), tee_bad_parameters) << "it signs";
    EXPECT_EQ(sign(signing, ByteView(digest).first(31)), tee_bad_parameters);
    EXPECT_EQ(call(Call::asymm_operate, {signing, 0, 0, place(0), 32, place(128), elsewhere}),
              tee_access_denied);
    EXPECT_EQ(
        call(Call::asymm_operate, {signing, elsewhere, 1, place(0), 32, place(128), place(0)}),
        tee_access_denied);
    EXPECT_EQ(sign(99, digest), tee_bad_parameters);
    EXPECT_EQ(verify(99, digest, digest), tee_bad_parameters);
    EXPECT_EQ(sign(begin(sha256, trustzone::digest), digest), tee_bad_parameters);
    EXPECT_EQ(sign(begin(pkcs1_sha256, signs, allocate(rsa_pair, 1024)), digest), tee_generic)
        << "its key is empty";
    EXPECT_EQ(verify(begin(pkcs1_sha256, verifies, allocate(rsa_pair, 1024)), digest, digest),
              tee_bad_parameters);
    const EcdsaVector& p384 = ecdsa_vectors[1];
    const std::uint64_t other = make_key(ecdsa_pair, 384, ecdsa_of(p384, true));
    EXPECT_EQ(sign(begin(ecdsa_p256, signs, other), digest), tee_bad_parameters) << "another curve";
}

TEST_P(Signatures, KeysHaveWhatTheirKindNeedsAndNothingElse) {
    const RsaVector& rsa = rsa_vectors[0];
    const std::uint64_t key = allocate(rsa_pair, 1024);
    EXPECT_EQ(populate_with(key, rsa_of(rsa, false)), tee_item_not_found) << "half of it";
    std::vector<Given> with_prime = rsa_of(rsa, true);
    with_prime.push_back({0xC0000430, from_hex("07")});
    EXPECT_EQ(populate_with(key, with_prime), tee_item_not_found)
        << "all that is optional, or none";
    std::vector<Given> twice = rsa_of(rsa, true);
    twice.push_back(twice[1]);
    EXPECT_EQ(populate_with(key, twice), tee_item_not_found);
    EXPECT_EQ(populate_with(allocate(rsa_pair, 512), rsa_of(rsa, true)), tee_bad_state)
        << "more than it has room for";
    EXPECT_EQ(populate_with(key, std::vector<Given>(17, {curve, {}, 1})), tee_out_of_memory);
    ASSERT_EQ(populate_with(key,
                            {{modulus, from_hex(rsa.n)},
                             {public_exponent, from_hex("00010001")},
                             {private_exponent, from_hex(rsa.d)}}),
              tee_success);
    EXPECT_EQ(attribute(key, public_exponent), from_hex("010001")) << "a number";
    EXPECT_EQ(attribute(key, private_exponent), from_hex(rsa.d));
    memory_.put(size_at, std::uint64_t{512});
    EXPECT_EQ(call(Call::object_get_attribute, {key, 0xC0000430, place(0), place(size_at)}),
              tee_item_not_found)
        << "it has no primes";
    EXPECT_EQ(call(Call::object_restrict_usage, {key, 0}), tee_success);
    EXPECT_EQ(call(Call::object_get_attribute, {key, private_exponent, place(0), place(size_at)}),
              tee_bad_parameters);
    EXPECT_EQ(attribute(key, modulus), from_hex(rsa.n)) << "is anybody's";
    EXPECT_EQ(call(Call::object_copy, {allocate(ecdsa_public, 256), key}), tee_bad_parameters);
    const std::uint64_t point = allocate(ecdsa_public, 384);
    EXPECT_EQ(
        populate_with(point, {{x_at, from_hex("01")}, {y_at, from_hex("01")}, {curve, {}, 7}}),
        tee_not_supported);
    ASSERT_EQ(populate_with(point, ecdsa_of(ecdsa_vectors[1], false)), tee_success);
    memory_.put(size_at, std::uint64_t{8});
    EXPECT_EQ(call(Call::object_get_attribute, {point, curve, place(0), place(size_at)}),
              tee_success);
    EXPECT_EQ(memory_.take<std::uint64_t>(0), 4U);
}

} // namespace
} // namespace authex::tee::trustzone
