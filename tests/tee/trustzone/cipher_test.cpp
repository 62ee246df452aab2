// AES without authentication, and its MAC. On both processors, where they are.
#include "tee/trustzone/operations.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::uint64_t ecb = 0x10000010;
constexpr std::uint64_t cbc = 0x10000110;
constexpr std::uint64_t ctr = 0x10000210;
constexpr std::uint64_t cmac = 0x30000610;

class Ciphers : public Operations {
  protected:
    std::uint32_t begin_with(std::uint64_t state, ByteView vector) {
        put(data_at, vector);
        return call(Call::cipher_init, {state, place(data_at), vector.size()});
    }
    std::uint32_t move(Call number, std::uint64_t state, std::uint64_t from, std::uint64_t bytes) {
        memory_.put(size_at, std::uint64_t{200});
        return call(number,
                    {state, place(data_at + from), bytes, place(out_at + from), place(size_at)});
    }
    /// What comes out in two pieces.
    std::vector<std::uint8_t>
    run(std::uint64_t state, ByteView vector, ByteView data, std::size_t first) {
        EXPECT_EQ(begin_with(state, vector), tee_success);
        put(data_at, data);
        EXPECT_EQ(move(Call::cipher_update, state, 0, first), tee_success);
        EXPECT_EQ(memory_.take<std::uint64_t>(size_at), first);
        EXPECT_EQ(move(Call::cipher_final, state, first, data.size() - first), tee_success);
        return memory_.part(out_at, data.size());
    }
    std::uint64_t aes_key(const std::string& hex) {
        const auto secret = from_hex(hex);
        return make_key(key_of_aes, 8 * secret.size(), ByteView(secret));
    }

    const std::string key_128_ = "2b7e151628aed2a6abf7158809cf4f3c"; // of the standards
    const std::string key_256_ = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    const std::vector<std::uint8_t> plain_ =
        from_hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                 "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         Ciphers,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

/// NIST SP 800-38A, appendix F.
struct Vector {
    std::uint64_t algorithm;
    bool long_key;
    std::string vector;
    std::string sealed;
};
const Vector vectors[] = {{ecb,
                           false,
                           "-",
                           "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
                           "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
                          {ecb,
                           true,
                           "-",
                           "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
                           "b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"},
                          {cbc,
                           false,
                           "000102030405060708090a0b0c0d0e0f",
                           "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
                           "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
                          {cbc,
                           true,
                           "000102030405060708090a0b0c0d0e0f",
                           "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
                           "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
                          {ctr,
                           false,
                           "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                           "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
                           "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
                          {ctr,
                           true,
                           "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                           "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
                           "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"}};

TEST_P(Ciphers, AreThoseOfTheStandard) {
    for (const Vector& one : vectors) {
        const std::uint64_t key = aes_key(one.long_key ? key_256_ : key_128_);
        const auto vector = from_hex(one.vector);
        const auto sealed = from_hex(one.sealed);
        const std::size_t first = one.algorithm == ctr ? 21 : 16;
        std::uint64_t state = begin(one.algorithm, encrypt, key);
        EXPECT_EQ(run(state, vector, plain_, first), sealed) << std::hex << one.algorithm;
        EXPECT_EQ(run(state, vector, plain_, 0), sealed) << "once more, in one piece";
        EXPECT_EQ(call(Call::state_free, {state}), tee_success);
        state = begin(one.algorithm, decrypt, key);
        EXPECT_EQ(run(state, vector, sealed, first), plain_) << std::hex << one.algorithm;
        EXPECT_EQ(call(Call::state_free, {state}), tee_success);
        EXPECT_EQ(call(Call::object_close, {key}), tee_success);
    }
}

TEST_P(Ciphers, ACopyGoesOnWhereTheOtherIs) {
    const Vector& one = vectors[4];
    const std::uint64_t from = begin(ctr, encrypt, aes_key(key_128_));
    const std::uint64_t to = begin(ctr, encrypt, aes_key(key_128_));
    EXPECT_EQ(begin_with(from, from_hex(one.vector)), tee_success);
    put(data_at, plain_);
    EXPECT_EQ(move(Call::cipher_update, from, 0, 21), tee_success);
    EXPECT_EQ(call(Call::state_copy, {to, from}), tee_success);
    EXPECT_EQ(move(Call::cipher_final, to, 21, 43), tee_success);
    EXPECT_EQ(memory_.part(out_at, 64), from_hex(one.sealed));
}

TEST_P(Ciphers, WhatDoesNotFitIsRefused) {
    const std::uint64_t state = begin(cbc, encrypt, aes_key(key_128_));
    EXPECT_EQ(begin_with(state, from_hex("00")), tee_bad_parameters) << "no vector";
    EXPECT_EQ(call(Call::cipher_init, {state, elsewhere, 16}), tee_access_denied);
    EXPECT_EQ(move(Call::cipher_update, state, 0, 16), tee_bad_state) << "it has not begun";
    EXPECT_EQ(begin_with(state, std::vector<std::uint8_t>(16)), tee_success);
    EXPECT_EQ(move(Call::cipher_update, state, 0, 15), tee_bad_parameters) << "no whole block";
    EXPECT_EQ(move(Call::cipher_final, state, 0, 17), tee_bad_parameters) << "nothing pads";
    memory_.put(size_at, std::uint64_t{15});
    EXPECT_EQ(call(Call::cipher_update, {state, place(data_at), 16, place(out_at), place(size_at)}),
              tee_short_buffer);
    EXPECT_EQ(memory_.take<std::uint64_t>(size_at), 16U);
    EXPECT_EQ(call(Call::cipher_update, {state, elsewhere, 16, place(out_at), place(size_at)}),
              tee_access_denied);
    EXPECT_EQ(move(Call::cipher_final, state, 0, 0), tee_success) << "an end without data";
    EXPECT_EQ(move(Call::cipher_update, state, 0, 16), tee_bad_state) << "it has ended";
    EXPECT_EQ(begin(cbc, encrypt), tee_bad_parameters) << "no key";
    EXPECT_EQ(begin(cbc, encrypt, allocate(key_of_hmac_sha256, 256)), tee_bad_parameters);
    EXPECT_EQ(begin_with(begin(cbc, encrypt, allocate(key_of_aes, 128)), {}), tee_bad_parameters)
        << "its key is empty";
    const std::uint64_t other = begin(sha256, digest);
    EXPECT_EQ(begin_with(other, {}), tee_bad_state) << "a digest";
    EXPECT_EQ(call(Call::hash_init, {other}), tee_success);
    EXPECT_EQ(move(Call::cipher_update, other, 0, 16), tee_bad_state);
    EXPECT_EQ(call(Call::hash_init, {state}), tee_bad_parameters);
    EXPECT_EQ(begin_with(99, {}), tee_bad_parameters);
    const std::uint64_t odd = begin(ctr, verifies, aes_key(key_128_));
    EXPECT_EQ(begin_with(odd, std::vector<std::uint8_t>(16)), tee_success);
    EXPECT_EQ(move(Call::cipher_update, odd, 0, 16), tee_bad_parameters) << "no mode of a cipher";
}

TEST_P(Ciphers, MacsAreThoseOfTheStandard) {
    // RFC 4493, §4, and NIST SP 800-38B, examples of AES-256
    const std::pair<std::size_t, std::string> of_128[] = {{0, "bb1d6929e95937287fa37d129b756746"},
                                                          {16, "070a16b46b4d4144f79bdd9dd04a287c"},
                                                          {40, "dfa66747de9ae63030ca32611497c827"},
                                                          {64, "51f0bebf7e3b9d92fc49741779363cfe"}};
    const std::pair<std::size_t, std::string> of_256[] = {{0, "028962f61b7bf89efc6b551f4667d983"},
                                                          {16, "28a7023f452e8f82bd4bf28d8c37c35c"},
                                                          {40, "aaf3d8f1de5640c232f5b169b9c911e6"},
                                                          {64, "e1992190549f6ed5696a2c056c315410"}};
    for (const auto& [key_hex, expected] :
         {std::pair(key_128_, std::span(of_128)), std::pair(key_256_, std::span(of_256))}) {
        const std::uint64_t state = begin(cmac, mac, aes_key(key_hex));
        for (const auto& [size, tag] : expected) {
            const ByteView text = ByteView(plain_).first(size);
            EXPECT_EQ(call(Call::hash_init, {state}), tee_success);
            EXPECT_EQ(end_hash(state, text), from_hex(tag)) << size;
            if (size != 0) {
                EXPECT_EQ(hash(state, text), from_hex(tag)) << size << ", in pieces";
            }
        }
    }
    EXPECT_EQ(begin(cmac, mac, allocate(key_of_hmac_sha256, 256)), tee_bad_parameters);
    EXPECT_EQ(call(Call::hash_init, {begin(cmac, mac, allocate(key_of_aes, 128))}),
              tee_bad_parameters)
        << "its key is empty";
}

} // namespace
} // namespace authex::tee::trustzone
