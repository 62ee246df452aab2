#include "tee/process/adaptive_spin.hpp"

#include <gtest/gtest.h>

namespace authex::tee::process {
namespace {

constexpr AdaptiveSpin::Limits limits{.longest = 200, .crowded = 50, .rest = 1000};

/// One that has seen work come often.
AdaptiveSpin busy(std::uint64_t now) {
    AdaptiveSpin spin(limits);
    spin.worked(now - 100);
    spin.worked(now);
    return spin;
}

TEST(AdaptiveSpin, DoesNotSpinBeforeWorkWasSeenToComeOften) {
    AdaptiveSpin spin(limits);
    spin.worked(5000);
    EXPECT_FALSE(spin.worthwhile(5001));
}

TEST(AdaptiveSpin, SpinsAfterAWaitThatASpinWouldHaveCovered) {
    EXPECT_TRUE(busy(5000).worthwhile(5001));
}

TEST(AdaptiveSpin, GivesUpAtItsLongest) {
    const AdaptiveSpin spin = busy(5000);
    EXPECT_TRUE(spin.worthwhile(5199));
    EXPECT_FALSE(spin.worthwhile(5200));
}

TEST(AdaptiveSpin, BeginsAnewWithEachWork) {
    AdaptiveSpin spin = busy(5000);
    spin.worked(5150);
    EXPECT_TRUE(spin.worthwhile(5300));
}

TEST(AdaptiveSpin, DoesNotSpinAfterALongSleep) {
    AdaptiveSpin spin = busy(5000);
    spin.worked(5200);
    EXPECT_FALSE(spin.worthwhile(5201));
}

TEST(AdaptiveSpin, LeavesTheProcessorToOthersForAWhileWhenTheyWantIt) {
    AdaptiveSpin spin = busy(5000);
    spin.yielded(5010, 5061);
    spin.worked(6050);
    spin.worked(6060);
    EXPECT_FALSE(spin.worthwhile(6060));
    EXPECT_TRUE(spin.worthwhile(6061));
}

TEST(AdaptiveSpin, TakesAShortYieldForNoSignOfOthers) {
    AdaptiveSpin spin = busy(5000);
    spin.yielded(5010, 5060);
    EXPECT_TRUE(spin.worthwhile(5060));
}

TEST(AdaptiveSpin, NeverSpinsWhenItsLongestIsNothing) {
    AdaptiveSpin spin({});
    spin.worked(10);
    spin.worked(10);
    EXPECT_FALSE(spin.worthwhile(10));
}

} // namespace
} // namespace authex::tee::process
