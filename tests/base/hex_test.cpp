#include "base/hex.hpp"

#include <array>

#include <gtest/gtest.h>

namespace authex {
namespace {

TEST(Hex, HasTwoDigitsForEachByte) {
    const std::array<std::uint8_t, 4> bytes = {0x00, 0x0A, 0x7F, 0xFE};
    EXPECT_EQ("000a7ffe", to_hex(bytes));
    EXPECT_EQ("", to_hex({}));
}

} // namespace
} // namespace authex
