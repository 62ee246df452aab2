#include <gtest/gtest.h>

#include "sancus_emulator/program/session.hpp"

namespace authex::sancus_emulator::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t hz = 1'000'000;
const Pacer::Clock::time_point start{};

TEST(Pacer, SaysWhichCycleItShouldBe) {
    Pacer pacer(hz, 500, start);
    EXPECT_EQ(pacer.due(500, start), 500U);
    EXPECT_EQ(pacer.due(500, start + milliseconds(10)), 10'500U);
    EXPECT_EQ(pacer.when(10'500), start + milliseconds(10));
}

TEST(Pacer, DoesNotMakeUpForALongDelay) {
    Pacer pacer(hz, 0, start);
    EXPECT_EQ(pacer.due(0, start + milliseconds(101)), 0U);
    EXPECT_EQ(pacer.due(0, start + milliseconds(102)), 1'000U);
}

TEST(Pacer, MakesUpForAShortOne) {
    Pacer pacer(hz, 0, start);
    EXPECT_EQ(pacer.due(0, start + milliseconds(100)), 100'000U);
}

TEST(Pacer, GivesNoTimeBackBeforeItsStart) {
    Pacer pacer(hz, 7, start + milliseconds(5));
    EXPECT_EQ(pacer.due(7, start), 7U);
}

} // namespace
} // namespace authex::sancus_emulator::test
