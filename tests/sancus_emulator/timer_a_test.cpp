// Timer A against a model that counts tick by tick.
#include "sancus_emulator/devices/timer_a.hpp"

#include <random>

#include <gtest/gtest.h>

namespace authex::sancus_emulator {
namespace {

/// One tick after the other, from the equations of the hardware description.
struct Model {
    unsigned mode = 0;
    std::uint16_t tar = 0;
    bool direction = false;
    std::array<std::uint16_t, 3> ccr{};
    std::array<bool, 3> flags{};
    bool overflow = false;

    void tick() {
        const bool falls = direction || (mode == 3 && tar >= ccr[0]);
        const bool clears = (mode == 1 && tar >= ccr[0]) || (mode == 3 && ccr[0] == 0);
        const auto next = static_cast<std::uint16_t>(clears ? 0 : falls ? tar - 1 : tar + 1);
        for (std::size_t i = 0; i < 3; ++i) {
            flags[i] = flags[i] || (next == ccr[i] && tar != ccr[i]);
        }
        overflow = overflow || (mode == 1 && tar == ccr[0]) || (mode == 2 && tar == 0xFFFF) ||
                   (mode == 3 && next == 0 && falls);
        if (mode != 3) {
            direction = false;
        } else if (tar == 1) {
            direction = false;
        } else if (tar >= ccr[0]) {
            direction = true;
        }
        tar = next;
    }
};

constexpr std::uint16_t all = 0xFFFF;

class TimerMode : public ::testing::TestWithParam<unsigned> {};

TEST_P(TimerMode, CountsAsTickByTick) {
    const unsigned mode = GetParam();
    std::mt19937 random(mode);
    for (unsigned round = 0; round < 200; ++round) {
        Model model;
        TimerA timer(30);
        timer.reset(0);
        model.mode = mode;
        const unsigned largest = round % 10 != 0 ? 20 : 0x10000;
        for (std::size_t i = 0; i < 3; ++i) {
            model.ccr[i] = static_cast<std::uint16_t>(random() % largest);
            timer.write(static_cast<std::uint16_t>(0x172 + 2 * i), model.ccr[i], all, 0);
        }
        model.tar = static_cast<std::uint16_t>(random() % largest);
        timer.write(0x170, model.tar, all, 0);
        timer.write(0x160, static_cast<std::uint16_t>(0x0200 | mode << 4U), all, 0);
        std::uint64_t cycle = 0;
        for (unsigned look = 0; look < 20; ++look) {
            const unsigned ticks = random() % (2 * largest) + 1;
            for (unsigned i = 0; i < ticks; ++i) {
                model.tick();
            }
            cycle += ticks;
            ASSERT_EQ(timer.read(0x170, cycle), model.tar) << round << " " << cycle;
            for (std::size_t i = 0; i < 3; ++i) {
                ASSERT_EQ(timer.read(static_cast<std::uint16_t>(0x162 + 2 * i), cycle) & 1U,
                          model.flags[i] ? 1U : 0U)
                    << round << " " << cycle << " CCR" << i;
            }
            ASSERT_EQ(timer.read(0x160, cycle) & 1U, model.overflow ? 1U : 0U) << round;
        }
    }
}

TEST_P(TimerMode, NothingHappensBeforeTheNextEvent) {
    const unsigned mode = GetParam();
    std::mt19937 random(mode + 10);
    for (unsigned round = 0; round < 200; ++round) {
        TimerA timer(30);
        timer.reset(0);
        for (std::size_t i = 0; i < 3; ++i) {
            timer.write(static_cast<std::uint16_t>(0x172 + 2 * i),
                        static_cast<std::uint16_t>(random()),
                        all,
                        0);
            timer.write(static_cast<std::uint16_t>(0x162 + 2 * i), 0x10, all, 0);
        }
        timer.write(0x160, static_cast<std::uint16_t>(0x0202 | mode << 4U), all, 0);
        for (unsigned event = 0; event < 10; ++event) {
            const std::uint64_t next = timer.next_event();
            const std::uint16_t before = timer.requests();
            timer.advance(next - 1);
            ASSERT_EQ(timer.requests(), before);
            timer.advance(next);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, TimerMode, ::testing::Values(1U, 2U, 3U));

TEST(TimerA, StandsWithoutAClock) {
    TimerA timer(30);
    timer.reset(0);
    EXPECT_EQ(timer.next_event(), never);
    timer.write(0x160, 0x0010, all, 0); // TACLK is not connected
    EXPECT_EQ(timer.next_event(), never);
    EXPECT_EQ(timer.read(0x170, 1000), 0);
}

TEST(TimerA, DividesItsClock) {
    for (const unsigned divider : {1U, 2U, 4U, 8U}) {
        TimerA timer(30);
        timer.reset(0);
        const unsigned bits = divider == 1 ? 0 : divider == 2 ? 1 : divider == 4 ? 2 : 3;
        timer.write(0x160, static_cast<std::uint16_t>(0x0220 | bits << 6U), all, 0);
        EXPECT_EQ(timer.read(0x170, 80), 80 / divider);
        timer.write(0x160, static_cast<std::uint16_t>(0x0124 | bits << 6U), all, 80); // ACLK
        EXPECT_EQ(timer.read(0x170, 80 + 30 * 80), 80 / divider);
    }
}

TEST(TimerA, CapturesWhenSoftwareSwitchesTheInput) {
    TimerA timer(30);
    timer.reset(0);
    timer.write(0x160, 0x0220, all, 0);
    timer.write(0x164, 0x6100, all, 5); // rising edge, input low
    timer.write(0x164, 0x7100, all, 9); // input high
    EXPECT_EQ(timer.read(0x174, 20), 9);
    EXPECT_EQ(timer.read(0x164, 20) & 1U, 1U);
    timer.write(0x164, 0x6101, all, 21);
    timer.write(0x164, 0x7101, all, 25);
    EXPECT_EQ(timer.read(0x164, 26) & 3U, 3U) << "a second capture before the first was taken";
}

TEST(TimerA, TaivNamesTheHighestAndClearsIt) {
    TimerA timer(30);
    timer.reset(0);
    timer.write(0x174, 5, all, 0);
    timer.write(0x176, 5, all, 0);
    timer.write(0x164, 0x10, all, 0);
    timer.write(0x166, 0x10, all, 0);
    timer.write(0x172, 9, all, 0);
    timer.write(0x160, 0x0212, all, 0);
    EXPECT_EQ(timer.read(0x12E, 30), 2);
    EXPECT_EQ(timer.read(0x12E, 30), 4);
    EXPECT_EQ(timer.read(0x12E, 30), 0xA);
    EXPECT_EQ(timer.read(0x12E, 30), 0);
    EXPECT_EQ(timer.requests(), 0);
}

} // namespace
} // namespace authex::sancus_emulator
