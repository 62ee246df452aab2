#include "em/checksum.hpp"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace authex::em {
namespace {

// RFC 3720 §B.4.
TEST(Crc32c, AgreesWithTheStandardsVectors) {
    std::vector<std::uint8_t> bytes(32, 0);
    EXPECT_EQ(crc32c(bytes), 0x8A9136AAU);
    bytes.assign(32, 0xFF);
    EXPECT_EQ(crc32c(bytes), 0x62A8AB43U);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    EXPECT_EQ(crc32c(bytes), 0x46DD794EU);
    const std::string digits = "123456789";
    EXPECT_EQ(crc32c({reinterpret_cast<const std::uint8_t*>(digits.data()), digits.size()}),
              0xE3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t size = 0; size < 70; ++size) {
        EXPECT_EQ(crc32c(bytes), crc32c_by_table(bytes)) << size;
        bytes.push_back(static_cast<std::uint8_t>(size * 37 + 11));
    }
}

} // namespace
} // namespace authex::em
