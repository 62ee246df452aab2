#include "em/periodic.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

PeriodicState every(std::uint64_t every_us, const std::string& name = "p") {
    return {.deployment = 1, .name = name, .module = {1, "m"}, .entry = 3, .every_us = every_us};
}

TEST(PeriodicCalls, StayOnTheirGridHoweverLateTheyAreLookedAt) {
    PeriodicCalls calls;
    ASSERT_TRUE(calls.add(every(100), 1000));
    std::size_t fired = 0;
    std::vector<std::uint32_t> told;
    const auto fire = [&](const PeriodicState&, std::uint32_t ticks) {
        told.push_back(ticks);
        return ++fired != 0;
    };
    EXPECT_EQ(calls.next_due(), 1100U);
    calls.run(1099, fire);
    EXPECT_EQ(fired, 0U);
    calls.run(1130, fire);
    EXPECT_EQ(fired, 1U);
    EXPECT_EQ(calls.next_due(), 1200U);
    calls.run(1555, fire);
    EXPECT_EQ(fired, 2U);
    EXPECT_EQ(calls.next_due(), 1600U);
    Snapshot snapshot;
    calls.fill(snapshot);
    EXPECT_EQ(snapshot.periodic.at(0).fired, 2U);
    EXPECT_EQ(snapshot.periodic.at(0).missed, 3U);
    EXPECT_EQ(told, (std::vector<std::uint32_t>{1, 4})) << "nothing is left out in what is told";
    EXPECT_EQ(snapshot.lateness.sum_us(), 30U + 55U) << "after the time that each was made for";
}

TEST(PeriodicCalls, CountWhatCouldNotBeFiredAsMissed) {
    PeriodicCalls calls;
    ASSERT_TRUE(calls.add(every(100), 0));
    calls.run(100, [](const PeriodicState&, std::uint32_t) { return false; });
    Snapshot snapshot;
    calls.fill(snapshot);
    EXPECT_EQ(snapshot.periodic.at(0).fired, 0U);
    EXPECT_EQ(snapshot.periodic.at(0).missed, 1U);
}

TEST(PeriodicCalls, TellTheNextCallOfThoseThatWereNotMadeOrNotTaken) {
    PeriodicCalls calls;
    ASSERT_TRUE(calls.add(every(100), 0));
    std::uint32_t told = 0;
    bool can = false;
    const auto fire = [&](const PeriodicState&, std::uint32_t ticks) {
        told = ticks;
        return can;
    };
    calls.run(100, fire);
    calls.run(200, fire);
    can = true;
    calls.run(300, fire);
    EXPECT_EQ(told, 3U);
    calls.not_taken(1, "p", told);
    calls.not_taken(1, "nobody", 7);
    calls.run(400, fire);
    EXPECT_EQ(told, 4U);
    calls.run(500, fire);
    EXPECT_EQ(told, 1U);
    Snapshot snapshot;
    calls.fill(snapshot);
    EXPECT_EQ(snapshot.periodic.at(0).fired, 2U);
    EXPECT_EQ(snapshot.periodic.at(0).missed, 3U);
}

TEST(PeriodicCalls, RefuseWhatCannotBeAndTakeTheSameAgain) {
    PeriodicCalls calls;
    EXPECT_EQ(calls.add(every(0), 0).error().code, "bad-period");
    ASSERT_TRUE(calls.add(every(100), 0));
    EXPECT_TRUE(calls.add(every(100), 50));
    EXPECT_EQ(calls.next_due(), 100U);
    EXPECT_EQ(calls.add(every(200), 0).error().code, "duplicate-name");
    EXPECT_EQ(calls.remove(2, "p").error().code, "unknown-periodic");
    EXPECT_TRUE(calls.remove(1, "p"));
    EXPECT_EQ(calls.next_due(), ~std::uint64_t{0});
}

TEST(PeriodicCalls, ThatAreHandedOverAreNeverDueHere) {
    PeriodicCalls calls;
    ASSERT_TRUE(calls.add(every(100), 0));
    const auto handed = calls.hand_over(every(100).module);
    ASSERT_EQ(handed.size(), 1U);
    EXPECT_EQ(handed[0].name, "p");
    EXPECT_EQ(handed[0].every_us, 100U);
    EXPECT_EQ(calls.next_due(), ~std::uint64_t{0});
    EXPECT_TRUE(calls.hand_over({1, "another"}).empty());
    EXPECT_TRUE(calls.remove(1, "p"));
}

TEST(ModuleTimers, FireOnceInOrderAndTheLastArmingCounts) {
    ModuleTimers timers;
    EXPECT_TRUE(timers.arm({1, 5, 1}, 300));
    EXPECT_TRUE(timers.arm({2, 5, 1}, 200));
    EXPECT_TRUE(timers.arm({1, 5, 2}, 100));
    EXPECT_EQ(timers.next_due(), 100U);
    EXPECT_FALSE(timers.take(99).has_value());
    const auto first = timers.take(400);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->module, 1U);
    EXPECT_EQ(first->arming, 2U);
    EXPECT_EQ(timers.take(400)->module, 2U);
    EXPECT_FALSE(timers.take(400).has_value());
}

TEST(ModuleTimers, AreBoundedAndGoWithTheirModule) {
    ModuleTimers timers;
    for (std::uint16_t i = 0; i < ModuleTimers::per_module_max; ++i) {
        EXPECT_TRUE(timers.arm({1, i, 1}, 100));
    }
    EXPECT_FALSE(timers.arm({1, 1000, 1}, 100));
    EXPECT_TRUE(timers.arm({1, 3, 2}, 50));
    EXPECT_TRUE(timers.arm({2, 0, 1}, 100));
    timers.remove(1);
    EXPECT_EQ(timers.take(1000)->module, 2U);
    EXPECT_FALSE(timers.take(1000).has_value());
}

} // namespace
} // namespace authex::em
