#include "base/bytes.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace authex {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST(Writer, WritesIntegersLittleEndian) {
    std::array<std::uint8_t, 15> out{};
    Writer writer(out);
    writer.u8(0x01).u16(0x0302).u32(0x07060504).u64(0x0F0E0D0C0B0A0908);
    EXPECT_TRUE(writer.ok());
    EXPECT_EQ(writer.size(), out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        EXPECT_EQ(out[i], i + 1);
    }
}

TEST(Writer, WhoseRoomIsUsedUpWritesNothingMore) {
    std::array<std::uint8_t, 8> out{};
    Writer writer(out);
    writer.u8(1).u64(2);
    EXPECT_FALSE(writer.ok());
    writer.u8(3); // would fit
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(out, (std::array<std::uint8_t, 8>{1}));
}

TEST(Reader, ReadsWhatAWriterWrote) {
    std::array<std::uint8_t, 17> bytes{};
    Writer(bytes).u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).bytes(Octets{16, 17});
    Reader reader(bytes);
    EXPECT_EQ(reader.u8(), 1U);
    EXPECT_EQ(reader.u16(), 0x0203U);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090A0B0C0D0E0FU);
    EXPECT_EQ(reader.rest().size(), 2U);
    EXPECT_TRUE(reader.ok());
}

TEST(Reader, PastTheEndGivesZeroForGood) {
    const std::array<std::uint8_t, 3> bytes{1, 2, 3};
    Reader reader(bytes);
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_EQ(reader.u8(), 0U) << "what is left of a failed reader is not read";
    EXPECT_TRUE(reader.rest().empty());
    EXPECT_FALSE(reader.ok());
}

TEST(EqualConstantTime, TellsContentsAndLengthsApart) {
    EXPECT_TRUE(equal_constant_time({}, {}));
    EXPECT_TRUE(equal_constant_time(Octets{1, 2}, Octets{1, 2}));
    EXPECT_FALSE(equal_constant_time(Octets{1, 2}, Octets{1, 3}));
    EXPECT_FALSE(equal_constant_time(Octets{1, 2}, Octets{1, 2, 0}));
    EXPECT_FALSE(equal_constant_time(Octets{0}, {}));
}

TEST(Wipe, LeavesZeroesAndNothingElse) {
    Octets bytes{1, 2, 3, 4};
    wipe(Bytes(bytes).subspan(1, 2));
    EXPECT_EQ(bytes, (Octets{1, 0, 0, 4}));
    wipe({});
}

TEST(Copy, MayOverlap) {
    Octets bytes{1, 2, 3, 4};
    copy(ByteView(bytes).first(3), Bytes(bytes).subspan(1));
    EXPECT_EQ(bytes, (Octets{1, 1, 2, 3}));
}

} // namespace
} // namespace authex
