#include <gtest/gtest.h>

#include "sancus_emulator/devices/digits.hpp"
#include "sancus_emulator/devices/file_io.hpp"
#include "sancus_emulator/devices/random_number.hpp"
#include "sancus_emulator/devices/timestamp.hpp"
#include "sancus_emulator/devices/world.hpp"

namespace authex::sancus_emulator::test {
namespace {

std::uint64_t value_of(Timestamp& timestamp) {
    std::uint64_t value = 0;
    for (unsigned word = 0; word < 4; ++word) {
        value |= std::uint64_t{timestamp.read(static_cast<std::uint16_t>(0x190 + 2 * word), 0)}
                 << (16 * word);
    }
    return value;
}

TEST(TimestampTest, GivesTheSnapshotAndNotTheTime) {
    Timestamp timestamp(0x190);
    EXPECT_EQ(value_of(timestamp), 0U);
    timestamp.write(0x190, 0, 0xFFFF, 0x1122334455667789);
    EXPECT_EQ(value_of(timestamp), 0x1122334455667788U);
    timestamp.write(0x196, 1, 0xFF00, 0x1122334455667799);
    EXPECT_EQ(value_of(timestamp), 0x1122334455667798U);
}

TEST(TimestampTest, CountsFromTheLastReset) {
    Timestamp timestamp(0x190);
    timestamp.write(0x190, 0, 0xFFFF, 50);
    timestamp.reset(1000);
    EXPECT_EQ(value_of(timestamp), 0U);
    timestamp.write(0x190, 0, 0xFFFF, 1011);
    EXPECT_EQ(value_of(timestamp), 10U);
    Timestamp other(0x190);
    ASSERT_TRUE(copy_state(timestamp, other));
    other.write(0x190, 0, 0xFFFF, 1021);
    EXPECT_EQ(value_of(other), 20U);
    EXPECT_FALSE(other.has(0x18E));
    EXPECT_FALSE(other.has(0x198));
}

std::vector<std::uint16_t> numbers(RandomNumber& random, unsigned count) {
    std::vector<std::uint16_t> result;
    for (unsigned i = 0; i < count; ++i) {
        result.push_back(random.read(0x1A0, 0));
    }
    return result;
}

TEST(RandomNumberTest, IsTheSameForTheSameSeedAlone) {
    RandomNumber a(0x1A0, {1});
    RandomNumber b(0x1A0, {1});
    RandomNumber c(0x1A0, {2});
    const auto from_a = numbers(a, 100);
    EXPECT_EQ(from_a, numbers(b, 100));
    EXPECT_NE(from_a, numbers(c, 100));
}

TEST(RandomNumberTest, BeginsWithTheHashOfSeedAndZero) {
    // printf '\0%.0s' {1..40} | sha256sum
    RandomNumber random(0x1A0, {});
    EXPECT_EQ(random.read(0x1A0, 0), 0x342CU);
}

TEST(RandomNumberTest, GoesOnAfterAResetAndARestore) {
    RandomNumber random(0x1A0, {7});
    (void)numbers(random, 21);
    random.reset(0);
    random.write(0x1A0, 5, 0xFFFF, 0);
    RandomNumber other(0x1A0, {9});
    ASSERT_TRUE(copy_state(random, other));
    EXPECT_EQ(numbers(random, 40), numbers(other, 40));
}

TEST(DigitsTest, ShowWhatTheSegmentsSpell) {
    World world;
    Digits digits("digits", 0x90, &world);
    digits.write(0x90, 0x5B06, 0xFFFF, 1);
    digits.write(0x90, 0x5B06, 0xFFFF, 2);
    digits.write(0x96, 0xC0C0, 0xFF00, 3);
    EXPECT_EQ(digits.shown(), "12     -.");
    digits.write(0x92, 0x0001, 0x00FF, 4);
    EXPECT_EQ(digits.shown(), "12<01>    -.");
    EXPECT_EQ(digits.read(0x90, 5), 0x5B06U);
    digits.reset(6);
    EXPECT_EQ(world.told.size(), 4U);
    EXPECT_EQ(world.told.back(), "6 digits         ") << "a reset makes them dark";
}

struct Heard : SerialEnd {
    void sent(std::uint8_t byte, std::uint64_t cycle) override {
        (void)cycle;
        bytes.push_back(byte);
    }
    std::vector<std::uint8_t> bytes;
};

TEST(FileIoTest, GivesBytesOneByOneAndThenNone) {
    FileIo file(0xC0);
    EXPECT_EQ(file.read(0xC0, 0), 0U);
    EXPECT_EQ(file.read(0xC2, 0), 0xABU);
    const std::vector<std::uint8_t> bytes = {1, 2};
    EXPECT_EQ(file.give(bytes, 0), 2U);
    EXPECT_EQ(file.read(0xC0, 0), 1U);
    FileIo other(0xC0);
    ASSERT_TRUE(copy_state(file, other));
    EXPECT_EQ(file.read(0xC2, 0), 1U);
    EXPECT_EQ(file.read(0xC2, 0), 2U);
    EXPECT_EQ(file.read(0xC0, 0), 0U);
    EXPECT_EQ(other.read(0xC2, 0), 1U);
}

TEST(FileIoTest, WritesTheLowByteOfDataAlone) {
    FileIo file(0xC0);
    Heard heard;
    file.attach(&heard);
    file.write(0xC2, 0x4142, 0x00FF, 0);
    file.write(0xC2, 0x4142, 0xFF00, 0);
    file.write(0xC0, 0x43, 0x00FF, 0);
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({0x42}));
}

} // namespace
} // namespace authex::sancus_emulator::test
