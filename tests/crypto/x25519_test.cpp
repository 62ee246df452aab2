#include "crypto/x25519.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

DhKeyView view(const Octets& bytes) {
    return DhKeyView(bytes.data(), dh_bytes);
}

TEST(X25519, GivesTheResultsOfRfc7748) {
    DhKey shared{};
    ASSERT_EQ(
        x25519(view(from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")),
               view(from_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")),
               shared),
        Error::none);
    EXPECT_EQ(Octets(shared.begin(), shared.end()),
              from_hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));
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
        EXPECT_EQ(Octets(shared.begin(), shared.end()), expected) << line.where;
    }
    EXPECT_GT(refused, 5U);
}

TEST(X25519, BothSidesComputeTheSame) {
    const Octets a(32, 0x11);
    const Octets b(32, 0x77);
    DhKey public_a{};
    DhKey public_b{};
    x25519_public(view(a), public_a);
    x25519_public(view(b), public_b);
    DhKey ab{};
    DhKey ba{};
    ASSERT_EQ(x25519(view(a), public_b, ab), Error::none);
    ASSERT_EQ(x25519(view(b), public_a, ba), Error::none);
    EXPECT_EQ(ab, ba);
}

} // namespace
} // namespace authex::crypto
