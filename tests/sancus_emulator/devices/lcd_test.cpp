#include "sancus_emulator/devices/lcd.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/devices/world.hpp"

namespace authex::sancus_emulator::test {
namespace {

constexpr std::uint16_t base = 0x1C0;
constexpr std::uint16_t show = 2;
constexpr std::uint16_t clear = 1;

void write(Lcd& lcd, std::string_view text) {
    for (const char c : text) {
        lcd.write(base + 4, static_cast<std::uint8_t>(c), 0x00FF, 1);
    }
}

TEST(LcdTest, ShowsTextOnlyWhenTold) {
    World world;
    Lcd lcd("lcd", base, &world);
    write(lcd, "hello");
    EXPECT_EQ(lcd.shown(), "");
    EXPECT_TRUE(world.told.empty());
    lcd.write(base, show, 0xFFFF, 9);
    EXPECT_EQ(lcd.shown(), "hello");
    lcd.write(base, show, 0xFFFF, 10);
    EXPECT_EQ(world.told, std::vector<std::string>({"9 lcd hello"})) << "nothing new, no event";
}

TEST(LcdTest, HasTwoRowsAndBeginsAgainAfterTheEnd) {
    Lcd lcd("lcd", base, nullptr);
    lcd.write(base + 2, 16, 0xFFFF, 0);
    write(lcd, "below");
    lcd.write(base + 2, 31, 0xFFFF, 0);
    write(lcd, "!up");
    lcd.write(base, show, 0xFFFF, 0);
    EXPECT_EQ(lcd.shown(), "up\nbelow          !");
    EXPECT_EQ(lcd.read(base + 2, 0), 2U);
}

TEST(LcdTest, ClearsBeforeItShows) {
    World world;
    Lcd lcd("lcd", base, &world);
    write(lcd, "x");
    lcd.write(base, show, 0xFFFF, 1);
    lcd.write(base, show | clear, 0xFFFF, 2);
    EXPECT_EQ(world.told, std::vector<std::string>({"1 lcd x", "2 lcd "}));
    EXPECT_EQ(lcd.read(base + 2, 0), 0U);
}

TEST(LcdTest, ShowsAQuestionMarkForWhatIsNoAscii) {
    Lcd lcd("lcd", base, nullptr);
    write(lcd, "a\xC3\n\x7F");
    lcd.write(base, show, 0xFFFF, 0);
    EXPECT_EQ(lcd.shown(), "a???");
}

TEST(LcdTest, TakesNoHighBytesAndNoCursorBeyondTheEnd) {
    Lcd lcd("lcd", base, nullptr);
    lcd.write(base + 4, 0x4141, 0xFF00, 0);
    lcd.write(base + 2, 0xFFFF, 0xFFFF, 0);
    EXPECT_EQ(lcd.read(base + 2, 0), 31U);
    lcd.write(base, show, 0xFFFF, 0);
    EXPECT_EQ(lcd.shown(), "");
    EXPECT_FALSE(lcd.has(base + 6));
}

TEST(LcdTest, ResetMakesItDark) {
    World world;
    Lcd lcd("lcd", base, &world);
    write(lcd, "x");
    lcd.write(base, show, 0xFFFF, 1);
    lcd.reset(7);
    EXPECT_EQ(world.told.back(), "7 lcd ");
}

TEST(LcdTest, StateIsSavedAndLoaded) {
    Lcd lcd("lcd", base, nullptr);
    write(lcd, "abc");
    lcd.write(base, show, 0xFFFF, 0);
    write(lcd, "d");
    Lcd other("lcd", base, nullptr);
    ASSERT_TRUE(copy_state(lcd, other));
    EXPECT_EQ(other.shown(), "abc");
    write(other, "e");
    other.write(base, show, 0xFFFF, 0);
    EXPECT_EQ(other.shown(), "abcde");
}

} // namespace
} // namespace authex::sancus_emulator::test
