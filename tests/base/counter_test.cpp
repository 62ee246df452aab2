#include "base/counter.hpp"

#include <array>

#include <gtest/gtest.h>

namespace authex {
namespace {

constexpr std::array<std::uint64_t, 12> values = {0,
                                                  1,
                                                  0xFFFE,
                                                  0xFFFF,
                                                  0x10000,
                                                  0x1FFFF,
                                                  0xFFFFFFFF,
                                                  0x100000000,
                                                  0xFFFFFFFFFFFF,
                                                  std::uint64_t{1} << 48U,
                                                  ~std::uint64_t{0} - 1,
                                                  ~std::uint64_t{0}};

TEST(Counter, BelowComparesEveryWord) {
    for (const std::uint64_t a : values) {
        for (const std::uint64_t b : values) {
            EXPECT_EQ(below(a, b), a < b) << a << " " << b;
        }
    }
}

TEST(Counter, NextCarriesThroughEveryWordAndGoesRound) {
    for (const std::uint64_t value : values) {
        std::uint64_t next = 77;
        assign_next(next, value);
        EXPECT_EQ(next, value + 1);
        std::uint64_t itself = value;
        advance(itself);
        EXPECT_EQ(itself, value + 1);
    }
}

TEST(Counter, IsCopiedWholeAndStoredAnywhere) {
    for (const std::uint64_t value : values) {
        std::uint64_t copied = 77;
        assign(copied, value);
        EXPECT_EQ(copied, value);
        std::array<std::uint8_t, 11> bytes{};
        store(&bytes[1], value);
        for (unsigned i = 0; i < 8; ++i) {
            EXPECT_EQ(bytes[1 + i], static_cast<std::uint8_t>(value >> (8 * i)));
        }
        EXPECT_EQ(bytes[0] + bytes[9] + bytes[10], 0);
    }
}

} // namespace
} // namespace authex
