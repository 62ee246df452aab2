// Keys that are derived of others. On both processors, where they are.
#include "tee/trustzone/operations.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::uint64_t ecdh = 0x80000042;
constexpr std::uint64_t hkdf = 0x80000047;
constexpr std::uint64_t ecdh_pair = 0xA1000042;
constexpr std::uint64_t generic_secret = 0xA0000000;
constexpr std::uint64_t x_at = 0xD0000141;
constexpr std::uint64_t y_at = 0xD0000241;
constexpr std::uint64_t private_value = 0xC0000341;
constexpr std::uint64_t curve = 0xF0000441;
constexpr std::uint64_t p256 = 3;
constexpr std::uint64_t hkdf_key = 0xC00001C0;
constexpr std::uint64_t hkdf_salt = 0xD0000946;
constexpr std::uint64_t hkdf_info = 0xD0000A46;
constexpr std::uint64_t hkdf_hash = 0xF0000B46;
constexpr std::uint64_t key_bytes = 0xF0000C46;

class Derivations : public Operations {
  protected:
    std::uint32_t
    derive(std::uint64_t state, const std::vector<Given>& parameters, std::uint64_t made) {
        memory_ = {};
        give(given_at, parameters);
        return call(Call::derive_key, {state, place(given_at), parameters.size(), made});
    }
    /// NIST CAVP, KAS ECC CDH primitive, P-256, count 0.
    std::uint64_t own_pair() {
        return make_key(
            ecdh_pair,
            256,
            {{private_value,
              from_hex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")},
             {x_at, from_hex("ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230")},
             {y_at, from_hex("28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141")},
             {curve, {}, p256}});
    }
    const std::vector<Given> peer_ = {
        {x_at, from_hex("700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287")},
        {y_at, from_hex("db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac")}};
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         Derivations,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(Derivations, OfDiffieAndHellmanAreThoseOfNist) {
    const std::uint64_t state = begin(ecdh, derives, own_pair());
    const std::uint64_t made = allocate(generic_secret, 256);
    ASSERT_EQ(derive(state, peer_, made), tee_success);
    EXPECT_EQ(attribute(made, secret_value),
              from_hex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"));
    EXPECT_EQ(derive(state, peer_, made), tee_bad_parameters) << "it has content";
    EXPECT_EQ(derive(state, {peer_[1], peer_[0]}, allocate(generic_secret, 256)),
              tee_bad_parameters)
        << "in another order";
    std::vector<Given> beside = peer_;
    beside[1].content.back() ^= 1U;
    EXPECT_EQ(derive(state, beside, allocate(generic_secret, 256)), tee_bad_parameters)
        << "not on the curve";
    EXPECT_EQ(derive(state, peer_, own_pair()), tee_not_supported) << "no key of one secret";
    EXPECT_EQ(derive(state, peer_, 77), tee_bad_state);
    EXPECT_EQ(derive(99, peer_, made), tee_bad_parameters);
    EXPECT_EQ(call(Call::derive_key, {state, elsewhere, 2, made}), tee_access_denied);
    EXPECT_EQ(derive(begin(sha256, digest), peer_, allocate(generic_secret, 256)),
              tee_not_supported);
}

TEST_P(Derivations, TwoThatAgreeHaveOneKey) {
    const std::uint64_t one = allocate(ecdh_pair, 256);
    const std::uint64_t other = allocate(ecdh_pair, 256);
    std::vector<std::uint8_t> secrets[2];
    for (const std::uint64_t pair : {one, other}) {
        ASSERT_EQ(generate(pair, 256, {{curve, {}, p256}}), tee_success);
    }
    for (int i = 0; i < 2; ++i) {
        const std::uint64_t peer = i == 0 ? other : one;
        const std::vector<Given> point = {{x_at, attribute(peer, x_at)},
                                          {y_at, attribute(peer, y_at)}};
        const std::uint64_t made = allocate(key_of_aes, 256);
        ASSERT_EQ(derive(begin(ecdh, derives, i == 0 ? one : other), point, made), tee_success);
        secrets[i] = attribute(made, secret_value);
    }
    EXPECT_EQ(secrets[0], secrets[1]);
    EXPECT_EQ(secrets[0].size(), 32U);
}

/// RFC 5869, A.1 and A.3.
TEST_P(Derivations, OfHkdfAreThoseOfTheStandard) {
    const std::uint64_t state =
        begin(hkdf,
              derives,
              make_key(key_of_hkdf,
                       176,
                       {{hkdf_key, from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")}}));
    std::uint64_t made = allocate(generic_secret, 4096);
    ASSERT_EQ(derive(state,
                     {{hkdf_salt, from_hex("000102030405060708090a0b0c")},
                      {hkdf_info, from_hex("f0f1f2f3f4f5f6f7f8f9")},
                      {hkdf_hash, {}, sha256},
                      {key_bytes, {}, 42}},
                     made),
              tee_success);
    EXPECT_EQ(attribute(made, secret_value),
              from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf3400720"
                       "8d5b887185865"));
    made = allocate(generic_secret, 4096);
    ASSERT_EQ(derive(state, {{key_bytes, {}, 42}}, made), tee_success) << "no salt, no info";
    EXPECT_EQ(attribute(made, secret_value),
              from_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d20139"
                       "5faa4b61a96c8"));
    made = allocate(key_of_aes, 128);
    EXPECT_EQ(derive(state, {}, made), tee_bad_parameters) << "how long?";
    EXPECT_EQ(derive(state, {{key_bytes, {}, 33}}, made), tee_bad_parameters);
    EXPECT_EQ(derive(state, {{key_bytes, {}, 16}, {x_at, from_hex("01")}}, made),
              tee_bad_parameters);
    EXPECT_EQ(derive(state, {{key_bytes, {}, 16}, {hkdf_hash, {}, 0x50000001}}, made),
              tee_not_supported)
        << "MD5";
}

} // namespace
} // namespace authex::tee::trustzone
