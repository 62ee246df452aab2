#include "crypto/hmac.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

Octets octets(const Hash& hash) {
    return {hash.begin(), hash.end()};
}

TEST(Hmac, GivesTheResultsOfRfc4231) {
    EXPECT_EQ(octets(hmac_sha256(Octets(20, 0x0b), from_hex("4869205468657265"))),
              from_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    EXPECT_EQ(
        octets(hmac_sha256(from_hex("4a656665"),
                           from_hex("7768617420646f2079612077616e7420666f72206e6f7468696e673f"))),
        from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    EXPECT_EQ(octets(hmac_sha256(Octets(131, 0xaa),
                                 from_hex("54657374205573696e67204c6172676572205468616e20426c6f636b"
                                          "2d53697a65204b6579202d2048617368204b6579204669727374"))),
              from_hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

} // namespace
} // namespace authex::crypto
