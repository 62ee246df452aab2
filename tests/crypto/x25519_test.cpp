#include "crypto/x25519.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <rapidcheck/gtest.h>

#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

DhKeyView view(const Octets& bytes) {
    return DhKeyView(bytes.data(), dh_bytes);
}

Octets octets(const DhKey& key) {
    return {key.begin(), key.end()};
}

Octets multiply(const Octets& scalar, const Octets& point) {
    DhKey shared{};
    EXPECT_EQ(x25519(view(scalar), view(point), shared), Error::none);
    return octets(shared);
}

Octets public_of(const Octets& secret) {
    DhKey key{};
    x25519_public(view(secret), key);
    return octets(key);
}

TEST(X25519, GivesTheResultsOfRfc7748) { // §5.2; the second point has its top bit set
    EXPECT_EQ(
        multiply(from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                 from_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")),
        from_hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));
    EXPECT_EQ(
        multiply(from_hex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                 from_hex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")),
        from_hex("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"));
}

TEST(X25519, GivesTheResultsOfRfc7748WhenIterated) { // §5.2
    Octets k(dh_bytes);
    k[0] = 9;
    Octets u = k;
    for (unsigned round = 1; round <= 1000; ++round) {
        const Octets result = multiply(k, u);
        u = k;
        k = result;
        if (round == 1) {
            EXPECT_EQ(k,
                      from_hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    EXPECT_EQ(k, from_hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

TEST(X25519, GivesTheKeysOfRfc7748) { // §6.1
    const Octets a = from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const Octets b = from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const Octets shared =
        from_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    EXPECT_EQ(public_of(a),
              from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    EXPECT_EQ(public_of(b),
              from_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    EXPECT_EQ(multiply(a, public_of(b)), shared);
    EXPECT_EQ(multiply(b, public_of(a)), shared);
}

Octets multiply_with_openssl(const Octets& scalar, const Octets& point) {
    const auto key = [](EVP_PKEY* made) {
        return std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>(made, EVP_PKEY_free);
    };
    const auto ours =
        key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, scalar.data(), dh_bytes));
    const auto theirs =
        key(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, point.data(), dh_bytes));
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(ours.get(), nullptr), EVP_PKEY_CTX_free);
    Octets shared(dh_bytes);
    std::size_t size = shared.size();
    EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_derive_set_peer(context.get(), theirs.get()), 1);
    EXPECT_EQ(EVP_PKEY_derive(context.get(), shared.data(), &size), 1);
    return shared;
}

RC_GTEST_PROP(X25519, AgreesWithOpenSslForAnyPointOnTheCurveOrItsTwist, ()) {
    const auto random = [] {
        return *rc::gen::container<Octets>(dh_bytes, rc::gen::arbitrary<std::uint8_t>());
    };
    const Octets scalar = random();
    Octets point = random();
    point[0] |= 2U; // neither 0 nor 1, which have a small order
    RC_ASSERT(multiply(scalar, point) == multiply_with_openssl(scalar, point));
}

TEST(X25519, AgreesWithWycheproofAndRefusesPointsOfSmallOrder) {
    unsigned refused = 0;
    for (const test::VectorLine& line :
         test::read_vectors(AUTHEX_TEST_DIR "/vectors/x25519_wycheproof.txt")) {
        ASSERT_EQ(line.fields.size(), 4U) << line.where;
        const Octets expected = from_hex(line.fields[3]);
        DhKey shared{};
        const Error error =
            x25519(view(from_hex(line.fields[2])), view(from_hex(line.fields[1])), shared);
        const bool zero = expected == Octets(dh_bytes);
        refused += zero ? 1 : 0;
        EXPECT_EQ(error, zero ? Error::malformed : Error::none) << line.where;
        EXPECT_EQ(octets(shared), expected) << line.where;
    }
    EXPECT_EQ(refused, 31U);
}

} // namespace
} // namespace authex::crypto
