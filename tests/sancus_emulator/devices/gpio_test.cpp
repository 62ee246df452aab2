#include "sancus_emulator/devices/gpio.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/devices/world.hpp"

namespace authex::sancus_emulator::test {
namespace {

void set(Gpio& gpio, unsigned address, std::uint8_t value, std::uint64_t cycle = 0) {
    const bool odd = (address & 1U) != 0;
    gpio.write(static_cast<std::uint16_t>(address & ~1U),
               static_cast<std::uint16_t>(value * 0x0101U),
               odd ? 0xFF00 : 0x00FF,
               cycle);
}

unsigned get(Gpio& gpio, unsigned address) {
    const unsigned word = gpio.read(static_cast<std::uint16_t>(address & ~1U), 0);
    return (address & 1U) != 0 ? word >> 8U : word & 0xFFU;
}

TEST(GpioTest, KeepsWhatIsWrittenToEachRegisterButIn) {
    Gpio gpio;
    const std::vector<unsigned> written = {0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x29, 0x2A,
                                           0x2B, 0x2C, 0x2D, 0x2E, 0x19, 0x1A, 0x1B, 0x1D,
                                           0x1E, 0x1F, 0x31, 0x32, 0x33, 0x35, 0x36, 0x37};
    for (const unsigned address : written) {
        set(gpio, address, static_cast<std::uint8_t>(address));
    }
    for (const unsigned address : written) {
        EXPECT_EQ(get(gpio, address), address) << address;
    }
    for (const unsigned in : {0x20U, 0x28U, 0x18U, 0x1CU, 0x30U, 0x34U, 0x27U, 0x2FU}) {
        set(gpio, in, 0xFF);
        EXPECT_EQ(get(gpio, in), 0U) << in;
    }
}

TEST(GpioTest, TakesAWordWriteForTwoRegisters) {
    Gpio gpio;
    gpio.write(0x22, 0x1234, 0xFFFF, 0);
    EXPECT_EQ(get(gpio, 0x22), 0x34U);
    EXPECT_EQ(get(gpio, 0x23), 0x12U);
    EXPECT_FALSE(gpio.has(0x16));
    EXPECT_FALSE(gpio.has(0x38));
}

TEST(GpioTest, RaisesTheFlagAtTheEdgeThatIsChosen) {
    Gpio gpio;
    const Pin pin{1, 3};
    gpio.set_level(pin, true);
    EXPECT_EQ(get(gpio, 0x20), 0x08U);
    EXPECT_EQ(get(gpio, 0x23), 0x08U);
    set(gpio, 0x23, 0);
    gpio.set_level(pin, true);
    gpio.set_level(pin, false);
    EXPECT_EQ(get(gpio, 0x23), 0U) << "no rising edge";
    set(gpio, 0x24, 0x08);
    gpio.set_level(pin, true);
    EXPECT_EQ(get(gpio, 0x23), 0U) << "no falling edge";
    gpio.set_level(pin, false);
    EXPECT_EQ(get(gpio, 0x23), 0x08U);
}

TEST(GpioTest, RequestsTheVectorOfAPortWhileFlagAndEnableAreSet) {
    Gpio gpio;
    gpio.set_level({1, 0}, true);
    EXPECT_EQ(gpio.requests(), 0U);
    set(gpio, 0x25, 0x01);
    EXPECT_EQ(gpio.requests(), 1U << 2U);
    gpio.accepted(2);
    EXPECT_EQ(gpio.requests(), 1U << 2U) << "only software clears it";
    set(gpio, 0x23, 0);
    EXPECT_EQ(gpio.requests(), 0U);
    set(gpio, 0x2B, 0x80);
    set(gpio, 0x2D, 0x80);
    EXPECT_EQ(gpio.requests(), 1U << 3U) << "software can set it too";
}

TEST(GpioTest, ResetKeepsLevelsFromOutside) {
    Gpio gpio;
    gpio.set_level({2, 1}, true);
    set(gpio, 0x2A, 0xFF);
    gpio.reset(10);
    EXPECT_EQ(get(gpio, 0x28), 0x02U);
    EXPECT_EQ(get(gpio, 0x2A), 0U);
    EXPECT_EQ(get(gpio, 0x2B), 0U);
}

TEST(ButtonTest, PutsItsLevelOnThePin) {
    for (const bool active_high : {true, false}) {
        Gpio gpio;
        World world;
        Button button("b", gpio, {1, 0}, active_high, &world);
        gpio.reset(0);
        EXPECT_EQ(get(gpio, 0x20), active_high ? 0U : 1U);
        EXPECT_EQ(get(gpio, 0x23), 0U) << "being put on the board is no edge";
        EXPECT_EQ(button.shown(), "released");
        ASSERT_TRUE(button.input("pressed", 5));
        ASSERT_TRUE(button.input("pressed", 6));
        EXPECT_EQ(get(gpio, 0x20), active_high ? 1U : 0U);
        ASSERT_TRUE(button.input("released", 7));
        EXPECT_EQ(world.told, std::vector<std::string>({"5 <b pressed", "7 <b released"}));
    }
}

TEST(ButtonTest, RefusesOtherInput) {
    Gpio gpio;
    Button button("b", gpio, {1, 0}, true, nullptr);
    EXPECT_FALSE(button.input("", 0));
    EXPECT_FALSE(button.input("on", 0));
    EXPECT_FALSE(button.has(0x20));
}

TEST(LedTest, IsOnWhileThePinIsDrivenAtItsLevel) {
    Gpio gpio;
    World world;
    const Led led("led", gpio, {2, 4}, true, &world);
    set(gpio, 0x29, 0x10, 1);
    EXPECT_EQ(led.shown(), "off") << "the pin is an input";
    set(gpio, 0x2A, 0x10, 2);
    EXPECT_EQ(led.shown(), "on");
    set(gpio, 0x29, 0xFF, 3);
    set(gpio, 0x2E, 0x10, 4);
    EXPECT_EQ(led.shown(), "off") << "the pin has another function";
    set(gpio, 0x2E, 0x00, 5);
    gpio.reset(6);
    EXPECT_EQ(world.told,
              std::vector<std::string>({"2 led on", "4 led off", "5 led on", "6 led off"}));
}

TEST(LedTest, CanBeActiveLow) {
    Gpio gpio;
    World world;
    const Led led("led", gpio, {3, 0}, false, &world);
    set(gpio, 0x1A, 0x01, 1);
    EXPECT_EQ(led.shown(), "on");
    set(gpio, 0x19, 0x01, 2);
    EXPECT_EQ(led.shown(), "off");
}

TEST(GpioTest, StateIsSavedAndLoaded) {
    Gpio gpio;
    gpio.set_level({1, 7}, true);
    set(gpio, 0x36, 0x5A);
    Gpio other;
    ASSERT_TRUE(copy_state(gpio, other));
    EXPECT_EQ(get(other, 0x20), 0x80U);
    EXPECT_EQ(get(other, 0x36), 0x5AU);
    Button button("b", gpio, {1, 0}, true, nullptr);
    ASSERT_TRUE(button.input("pressed", 0));
    Button copy("b", other, {1, 0}, true, nullptr);
    ASSERT_TRUE(copy_state(button, copy));
    EXPECT_EQ(copy.shown(), "pressed");
}

} // namespace
} // namespace authex::sancus_emulator::test
