#include "crypto/aead.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <rapidcheck/gtest.h>

#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

struct Sealed {
    Octets body;
    Octets tag;
};

Sealed seal(Algorithm algorithm,
            const Octets& key,
            const Octets& nonce,
            const Octets& associated,
            Octets body) {
    AeadKey aead;
    EXPECT_EQ(aead.set(algorithm, key), Error::none);
    Octets tag(tag_bytes);
    EXPECT_EQ(
        aead.seal(
            NonceView(nonce.data(), nonce_bytes), associated, body, Tag(tag.data(), tag_bytes)),
        Error::none);
    return {body, tag};
}

Error open(Algorithm algorithm,
           const Octets& key,
           const Octets& nonce,
           const Octets& associated,
           Sealed& sealed) {
    AeadKey aead;
    EXPECT_EQ(aead.set(algorithm, key), Error::none);
    return aead.open(NonceView(nonce.data(), nonce_bytes),
                     associated,
                     sealed.body,
                     TagView(sealed.tag.data(), tag_bytes));
}

Algorithm aes_of(const Octets& key) {
    return key.size() == 16 ? Algorithm::aes_128_gcm : Algorithm::aes_256_gcm;
}

// The test cases of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, with
// 96-bit nonces: 1, 2, 4 (AES-128) and 13, 14, 16 (AES-256).
constexpr const char* published[][6] = {
    {"00000000000000000000000000000000",
     "000000000000000000000000",
     "-",
     "-",
     "-",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000",
     "000000000000000000000000",
     "-",
     "00000000000000000000000000000000",
     "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84a"
     "a051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000",
     "-",
     "-",
     "-",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000",
     "-",
     "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST(AesGcm, GivesThePublishedResults) {
    for (const auto& [key, nonce, associated, plain, cipher, tag] : published) {
        Sealed sealed = seal(aes_of(from_hex(key)),
                             from_hex(key),
                             from_hex(nonce),
                             from_hex(associated),
                             from_hex(plain));
        EXPECT_EQ(sealed.body, from_hex(cipher)) << key;
        EXPECT_EQ(sealed.tag, from_hex(tag)) << key;
    }
}

// id or kind, valid or invalid, key, nonce, associated data, plaintext, ciphertext, tag
void expect_what_the_vectors_say(const std::string& file,
                                 unsigned valid_min,
                                 unsigned invalid_min) {
    unsigned valid = 0;
    unsigned invalid = 0;
    for (const test::VectorLine& line : test::read_vectors(AUTHEX_TEST_DIR "/vectors/" + file)) {
        ASSERT_EQ(line.fields.size(), 8U) << line.where;
        const Octets key = from_hex(line.fields[2]);
        const Octets nonce = from_hex(line.fields[3]);
        const Octets associated = from_hex(line.fields[4]);
        const Octets cipher = from_hex(line.fields[6]);
        Sealed sealed{cipher, from_hex(line.fields[7])};
        const Error error = open(aes_of(key), key, nonce, associated, sealed);
        if (line.fields[1] == "valid") {
            ++valid;
            EXPECT_EQ(error, Error::none) << line.where;
            EXPECT_EQ(sealed.body, from_hex(line.fields[5])) << line.where;
            const Sealed again =
                seal(aes_of(key), key, nonce, associated, from_hex(line.fields[5]));
            EXPECT_EQ(again.body, cipher) << line.where;
            EXPECT_EQ(again.tag, from_hex(line.fields[7])) << line.where;
        } else {
            ++invalid;
            EXPECT_EQ(error, Error::forged) << line.where;
            EXPECT_EQ(sealed.body, Octets(cipher.size())) << line.where;
        }
    }
    EXPECT_GE(valid, valid_min);
    EXPECT_GE(invalid, invalid_min);
}

TEST(AesGcm, AgreesWithNist) {
    expect_what_the_vectors_say("aes_gcm_nist.txt", 100, 50);
}

TEST(AesGcm, AgreesWithWycheproof) {
    expect_what_the_vectors_say("aes_gcm_wycheproof.txt", 79, 54);
}

Sealed seal_with_openssl(const Octets& key,
                         const Octets& nonce,
                         const Octets& associated,
                         const Octets& plain) {
    Sealed sealed{Octets(plain.size()), Octets(tag_bytes)};
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int count = 0;
    EVP_EncryptInit_ex(context,
                       key.size() == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                       nullptr,
                       key.data(),
                       nonce.data());
    EVP_EncryptUpdate(
        context, nullptr, &count, associated.data(), static_cast<int>(associated.size()));
    EVP_EncryptUpdate(
        context, sealed.body.data(), &count, plain.data(), static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, nullptr, &count);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_bytes, sealed.tag.data());
    EVP_CIPHER_CTX_free(context);
    return sealed;
}

Octets random_octets(std::size_t size) {
    return *rc::gen::container<Octets>(size, rc::gen::arbitrary<std::uint8_t>());
}

RC_GTEST_PROP(AesGcm, AgreesWithOpenSsl, ()) {
    const Octets key = random_octets(*rc::gen::element<std::size_t>(16, 32));
    const Octets nonce = random_octets(nonce_bytes);
    const Octets associated = random_octets(*rc::gen::inRange<std::size_t>(0, 64));
    const Octets plain = random_octets(*rc::gen::inRange<std::size_t>(0, 300));
    const Sealed ours = seal(aes_of(key), key, nonce, associated, plain);
    Sealed theirs = seal_with_openssl(key, nonce, associated, plain);
    RC_ASSERT(ours.body == theirs.body);
    RC_ASSERT(ours.tag == theirs.tag);
    RC_ASSERT(open(aes_of(key), key, nonce, associated, theirs) == Error::none);
    RC_ASSERT(theirs.body == plain);
}

TEST(AesGcm, AgreesWithOpenSslUpToTheLargestBody) {
    const Octets key(16, 0x5A);
    const Octets nonce(nonce_bytes, 0xFF);
    for (const std::size_t size : {4095U, 4096U, 65535U, 65536U}) {
        Octets plain(size);
        for (std::size_t i = 0; i < size; ++i) {
            plain[i] = static_cast<std::uint8_t>(i * i >> 5U);
        }
        const Sealed ours = seal(Algorithm::aes_128_gcm, key, nonce, Octets(12, 3), plain);
        const Sealed theirs = seal_with_openssl(key, nonce, Octets(12, 3), plain);
        EXPECT_EQ(ours.body, theirs.body) << size;
        EXPECT_EQ(ours.tag, theirs.tag) << size;
    }
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {
  protected:
    Octets key_ = Octets(key_bytes(GetParam()), 0x42);
    Octets nonce_ = from_hex("000102030405060708090a0b");
    Octets associated_ = from_hex("0300070011223344556677aa");
};

TEST_P(EveryAlgorithm, OpensWhatItSealedForEveryLength) {
    const std::size_t longest = GetParam() == Algorithm::spongent_128 ? 9 : 130;
    for (std::size_t length = 0; length <= longest; ++length) {
        const Octets plain(length, static_cast<std::uint8_t>(length));
        Sealed sealed = seal(GetParam(), key_, nonce_, associated_, plain);
        ASSERT_EQ(open(GetParam(), key_, nonce_, associated_, sealed), Error::none) << length;
        ASSERT_EQ(sealed.body, plain) << length;
    }
}

TEST_P(EveryAlgorithm, RefusesEveryFlippedBitAndLeavesNoPlaintext) {
    const Sealed good = seal(GetParam(), key_, nonce_, associated_, from_hex("0102030405060708"));
    const auto refused = [&](const Octets& associated, Sealed changed) {
        const Error error = open(GetParam(), key_, nonce_, associated, changed);
        return error == Error::forged && changed.body == Octets(changed.body.size());
    };
    const auto flip = [](Octets bytes, std::size_t bit) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        return bytes;
    };
    for (std::size_t bit = 0; bit < good.body.size() * 8; ++bit) {
        EXPECT_TRUE(refused(associated_, {flip(good.body, bit), good.tag})) << "body bit " << bit;
    }
    for (std::size_t bit = 0; bit < tag_bytes * 8; ++bit) {
        EXPECT_TRUE(refused(associated_, {good.body, flip(good.tag, bit)})) << "tag bit " << bit;
    }
    for (std::size_t bit = 0; bit < associated_.size() * 8; ++bit) {
        EXPECT_TRUE(refused(flip(associated_, bit), good)) << "associated bit " << bit;
    }
}

TEST_P(EveryAlgorithm, RefusesAnotherKeyAndATruncatedBody) {
    const Sealed good = seal(GetParam(), key_, nonce_, associated_, from_hex("01020304"));
    Octets other = key_;
    other.back() ^= 1U;
    Sealed copy = good;
    EXPECT_EQ(open(GetParam(), other, nonce_, associated_, copy), Error::forged);
    Sealed shorter = good;
    shorter.body.pop_back();
    EXPECT_EQ(open(GetParam(), key_, nonce_, associated_, shorter), Error::forged);
}

TEST_P(EveryAlgorithm, RefusesKeysOfAnotherLength) {
    AeadKey aead;
    EXPECT_EQ(aead.set(GetParam(), Octets(key_bytes(GetParam()) - 1)), Error::malformed);
    EXPECT_EQ(aead.set(GetParam(), Octets(key_bytes(GetParam()) + 1)), Error::malformed);
    EXPECT_FALSE(aead.is_set());
}

TEST_P(EveryAlgorithm, DoesNothingWithoutAKey) {
    AeadKey aead;
    ASSERT_EQ(aead.set(GetParam(), key_), Error::none);
    aead.clear();
    Octets body(4);
    Octets tag(tag_bytes);
    EXPECT_EQ(
        aead.seal(NonceView(nonce_.data(), nonce_bytes), {}, body, Tag(tag.data(), tag_bytes)),
        Error::not_attested);
    EXPECT_EQ(
        aead.open(NonceView(nonce_.data(), nonce_bytes), {}, body, TagView(tag.data(), tag_bytes)),
        Error::not_attested);
}

INSTANTIATE_TEST_SUITE_P(Aead,
                         EveryAlgorithm,
                         testing::Values(Algorithm::aes_128_gcm,
                                         Algorithm::aes_256_gcm,
                                         Algorithm::spongent_128));

TEST(AeadKey, RefusesUnknownAlgorithms) {
    AeadKey aead;
    EXPECT_EQ(aead.set(static_cast<Algorithm>(0), Octets(16)), Error::unsupported);
    EXPECT_EQ(aead.set(static_cast<Algorithm>(77), Octets(16)), Error::unsupported);
}

TEST(AesGcm, AnotherNonceIsRefused) {
    const Octets key(16, 1);
    Sealed sealed = seal(Algorithm::aes_128_gcm, key, Octets(12, 0), {}, Octets(5, 5));
    EXPECT_EQ(open(Algorithm::aes_128_gcm, key, Octets(12, 1), {}, sealed), Error::forged);
}

} // namespace
} // namespace authex::crypto
