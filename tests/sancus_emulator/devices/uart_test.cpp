#include "sancus_emulator/devices/uart.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/devices/world.hpp"

namespace authex::sancus_emulator::test {
namespace {

constexpr std::uint16_t base = 0x80;
constexpr std::uint16_t low = 0x00FF;
constexpr std::uint16_t high = 0xFF00;
constexpr std::uint16_t baud = 9;
constexpr std::uint64_t bit = baud + 1;
constexpr unsigned byte_in = 0x10;
constexpr unsigned overflow = 0x20;

struct Heard : SerialEnd {
    void sent(std::uint8_t byte, std::uint64_t cycle) override {
        bytes.push_back(byte);
        cycles.push_back(cycle);
    }
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint64_t> cycles;
};

class UartTest : public testing::Test {
  protected:
    UartTest() {
        uart.attach(&heard);
        uart.write(base + 2, baud, 0xFFFF, 0);
        control(0x51);
    }
    void control(std::uint8_t value, std::uint64_t cycle = 0) {
        uart.write(base, value, low, cycle);
    }
    void put(std::uint8_t byte, std::uint64_t cycle) { uart.write(base + 4, byte, low, cycle); }
    unsigned status(std::uint64_t cycle) { return uart.read(base, cycle) >> 8U; }
    unsigned received(std::uint64_t cycle) { return uart.read(base + 4, cycle) >> 8U; }
    void clear(unsigned bits, std::uint64_t cycle) {
        uart.write(base, static_cast<std::uint16_t>(bits << 8U), high, cycle);
    }

    Heard heard;
    World world;
    Uart uart{UartSettings{"uart", base, 7, 6, &world}};
};

TEST_F(UartTest, HasItsEightBytesAlone) {
    EXPECT_FALSE(uart.has(0x7E));
    EXPECT_TRUE(uart.has(0x80));
    EXPECT_TRUE(uart.has(0x86));
    EXPECT_FALSE(uart.has(0x88));
}

TEST_F(UartTest, IsBusyForTenBitsAndTellsWhenTheByteIsOut) {
    put('A', 100);
    EXPECT_EQ(status(101), 0x04U);
    EXPECT_EQ(status(101 + 10 * bit), 0x04U);
    EXPECT_EQ(status(102 + 10 * bit), 0xC0U);
    EXPECT_EQ(uart.requests(), 1U << 6U);
    clear(0xC0, 400);
    EXPECT_EQ(status(400), 0U);
    EXPECT_EQ(uart.requests(), 0U);
}

TEST_F(UartTest, HoldsOneByteBackWhileOneGoesOut) {
    put('A', 100);
    put('B', 110);
    EXPECT_EQ(status(111), 0x0CU);
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({'A'}));
    EXPECT_EQ(status(102 + 10 * bit), 0x44U) << "sent, but not empty";
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({'A', 'B'}));
    EXPECT_EQ(heard.cycles[1], 102 + 10 * bit);
}

TEST_F(UartTest, LosesTheByteThatWaitsWhenAnotherIsWritten) {
    put('A', 100);
    put('B', 110);
    put('C', 120);
    uart.advance(10'000);
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({'A', 'C'}));
}

TEST_F(UartTest, SendsNothingWhileItIsOff) {
    control(0);
    put('A', 100);
    control(1, 200);
    uart.advance(10'000);
    EXPECT_TRUE(heard.bytes.empty());
    EXPECT_EQ(status(10'000), 0U);
}

TEST_F(UartTest, ReceivesAfterNineAndAHalfBits) {
    const std::vector<std::uint8_t> bytes = {0x5A};
    EXPECT_EQ(uart.give(bytes, 1000), 1U);
    EXPECT_EQ(status(1001), 0x01U);
    const std::uint64_t arrived = 1000 + 4 + baud / 2 + 1 + 8 * bit + 1;
    EXPECT_EQ(status(arrived - 1), 0x01U);
    EXPECT_EQ(status(arrived), byte_in);
    EXPECT_EQ(received(arrived), 0x5AU);
    EXPECT_EQ(uart.requests(), 1U << 7U);
    EXPECT_EQ(status(arrived), byte_in) << "reading the byte does not clear the flag";
    clear(byte_in, arrived + 5);
    EXPECT_EQ(uart.requests(), 0U);
}

TEST_F(UartTest, TakesBytesInAtThePaceOfTheLine) {
    const std::vector<std::uint8_t> bytes = {1, 2, 3};
    uart.give(bytes, 0);
    std::vector<std::uint64_t> arrivals;
    for (std::uint64_t cycle = 0; cycle < 1000; ++cycle) {
        if ((status(cycle) & byte_in) != 0) {
            arrivals.push_back(cycle);
            clear(byte_in, cycle);
        }
    }
    ASSERT_EQ(arrivals.size(), 3U);
    EXPECT_EQ(arrivals[1] - arrivals[0], 10 * bit);
    EXPECT_EQ(arrivals[2] - arrivals[1], 10 * bit);
}

TEST_F(UartTest, OverflowsWhenAByteWasNotTaken) {
    const std::vector<std::uint8_t> bytes = {1, 2};
    uart.give(bytes, 0);
    uart.advance(1000);
    EXPECT_EQ(status(1000), byte_in | overflow);
    EXPECT_EQ(received(1000), 2U);
}

TEST_F(UartTest, KeepsBytesThatComeWhileItIsOff) {
    control(0);
    const std::vector<std::uint8_t> bytes = {7};
    uart.give(bytes, 10);
    EXPECT_EQ(uart.next_event(), never);
    control(1, 5000);
    uart.advance(6000);
    EXPECT_EQ(received(6000), 7U);
}

TEST_F(UartTest, HoldsASenderUpWhoIsFasterThanTheLine) {
    const std::vector<std::uint8_t> many(WaitingBytes::limit + 1000);
    EXPECT_EQ(uart.give(many, 0), WaitingBytes::limit);
    EXPECT_EQ(uart.give(many, 0), 0U);
}

TEST_F(UartTest, HasNoInterruptWithoutItsEnableBit) {
    control(0x01);
    const std::vector<std::uint8_t> bytes = {7};
    uart.give(bytes, 0);
    put('A', 0);
    uart.advance(1000);
    EXPECT_EQ(status(1000), 0xD0U);
    EXPECT_EQ(uart.requests(), 0U);
}

TEST_F(UartTest, CannotEnableTheInterruptThatIsNotBuiltIn) {
    control(0x80 | 0x01);
    EXPECT_EQ(uart.read(base, 0) & 0xFFU, 0x01U);
}

TEST_F(UartTest, LatchesBothHalvesOfTheSpeedWithTheLowOne) {
    uart.write(base + 2, 0x1234, 0xFFFF, 0);
    EXPECT_EQ(uart.read(base + 2, 0), 0x1234U);
    uart.write(base + 2, 0x5656, high, 0);
    EXPECT_EQ(uart.read(base + 2, 0), 0x1234U);
}

TEST_F(UartTest, TellsTheWorldEachByteInHexadecimal) {
    put(0xAB, 50);
    uart.input("0c", 60).value();
    uart.advance(1000);
    EXPECT_EQ(world.told, std::vector<std::string>({"50 uart ab", "60 <uart 0c"}));
}

TEST_F(UartTest, RefusesInputThatIsNotHexadecimal) {
    EXPECT_FALSE(uart.input("", 0));
    EXPECT_FALSE(uart.input("0", 0));
    EXPECT_FALSE(uart.input("0g", 0));
    EXPECT_FALSE(uart.input(std::string(2 * WaitingBytes::limit + 2, '0'), 0));
}

TEST_F(UartTest, GoesOnAfterItsStateWasSavedAndLoaded) {
    const std::vector<std::uint8_t> bytes = {1, 2};
    uart.give(bytes, 0);
    put('A', 100);
    put('B', 110);
    uart.advance(120);
    Uart other{UartSettings{"uart", base, 7, 6, nullptr}};
    Heard more;
    other.attach(&more);
    ASSERT_TRUE(copy_state(uart, other));
    other.advance(1000);
    uart.advance(1000);
    EXPECT_EQ(more.bytes, std::vector<std::uint8_t>({'B'}));
    EXPECT_EQ(other.read(base, 1000), uart.read(base, 1000));
    EXPECT_EQ(other.read(base + 4, 1000), uart.read(base + 4, 1000));
}

TEST_F(UartTest, SendsTheByteThatWaitsWhenTheCoreIsOffForGood) {
    put('A', 100);
    put('B', 110);
    uart.drain(120);
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({'A', 'B'}));
}

TEST(PrintUartTest, ShowsSevenBitsAndReadsZero) {
    PrintUart uart(base);
    Heard heard;
    uart.attach(&heard);
    uart.write(base + 4, 0xC1, low, 5);
    uart.write(base + 4, 0x4200, high, 6);
    uart.write(base, 0x11, low, 7);
    EXPECT_EQ(heard.bytes, std::vector<std::uint8_t>({0x41}));
    EXPECT_EQ(uart.read(base, 8), 0U);
    EXPECT_EQ(uart.read(base + 4, 8), 0U);
}

} // namespace
} // namespace authex::sancus_emulator::test
