#include "deployer/watcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace authex::deployer {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const Thing relay{.kind = Thing::Kind::module, .name = "relay"};
const Thing sink{.kind = Thing::Kind::module, .name = "sink"};

Ailment broken(const Thing& thing) {
    return {.thing = thing, .cause = "killed"};
}
std::vector<std::string> names(const std::vector<Ailment>& all) {
    std::vector<std::string> found;
    for (const Ailment& each : all) {
        found.push_back(each.thing.name);
    }
    return found;
}

class WatcherTest : public testing::Test {
  protected:
    /// Lets time pass until the next attempt. @return how long that was
    Watcher::Span until_next() {
        const Watcher::Time before = now_;
        now_ = std::max(now_, watcher_.next());
        return std::chrono::duration_cast<Watcher::Span>(now_ - before);
    }
    Watcher::Time now_ = Watcher::Time(1h);
    double random_ = 0.5;
    Watcher watcher_{{}, [this] { return random_; }};
};

TEST_F(WatcherTest, TriesAtOnceWhatBreaks) {
    EXPECT_EQ(watcher_.next(), Watcher::Time::max()) << "nothing to do";
    const auto turns = watcher_.observe({broken(relay)}, now_);
    ASSERT_EQ(turns.size(), 1U);
    EXPECT_TRUE(turns[0].broken);
    EXPECT_EQ(watcher_.next(), now_);
    EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
    EXPECT_THAT(watcher_.due(now_), IsEmpty()) << "once";
    EXPECT_THAT(watcher_.observe({broken(relay)}, now_), IsEmpty()) << "it was so before";
}

TEST_F(WatcherTest, TriesEverMoreRarelyWhatDoesNotGetWell) {
    watcher_.observe({broken(relay)}, now_);
    (void)watcher_.due(now_);
    for (const auto pause : {250ms, 500ms, 1000ms, 2000ms}) {
        EXPECT_EQ(until_next(), pause);
        EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
    }
    for (int i = 0; i < 40; ++i) {
        (void)until_next();
        (void)watcher_.due(now_);
    }
    EXPECT_EQ(until_next(), 60s);
}

TEST_F(WatcherTest, PausesDifferByAQuarter) {
    for (const auto& [random, pause] : {std::pair(0.0, 187ms), std::pair(0.999, 312ms)}) {
        random_ = random;
        watcher_.observe({broken(relay)}, now_);
        (void)watcher_.due(now_);
        EXPECT_EQ(until_next(), pause);
        watcher_.observe({}, now_);
        now_ += 1h;
        watcher_.observe({}, now_);
    }
}

TEST_F(WatcherTest, RemembersWhatBreaksAgainSoonAndForgetsWhatWasWellForLong) {
    watcher_.observe({broken(relay)}, now_);
    (void)watcher_.due(now_);
    const auto turns = watcher_.observe({}, now_);
    ASSERT_EQ(turns.size(), 1U);
    EXPECT_FALSE(turns[0].broken);
    EXPECT_EQ(watcher_.next(), Watcher::Time::max());

    now_ += 10ms;
    watcher_.observe({broken(relay)}, now_);
    EXPECT_THAT(watcher_.due(now_), IsEmpty()) << "it was tried a moment ago";
    EXPECT_EQ(until_next(), 240ms);
    EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
    EXPECT_EQ(until_next(), 500ms);

    watcher_.observe({}, now_);
    now_ += 61s;
    watcher_.observe({broken(relay)}, now_);
    EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
    EXPECT_EQ(until_next(), 250ms) << "as if it were the first time";
}

TEST_F(WatcherTest, HoldsNothingAgainstWhatIsDueAgainAndAgain) {
    const Thing attestation{.kind = Thing::Kind::attestation, .name = "relay"};
    for (int i = 0; i < 20; ++i) {
        watcher_.observe({broken(attestation)}, now_);
        EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
        watcher_.observe({}, now_);
        now_ += 1s;
    }
}

TEST_F(WatcherTest, DoesNotCountWhatCouldNotBeTried) {
    watcher_.observe({broken(relay)}, now_);
    for (int i = 0; i < 10; ++i) {
        ASSERT_THAT(names(watcher_.due(now_)), ElementsAre("relay"));
        watcher_.postponed(relay, now_);
        EXPECT_EQ(until_next(), 250ms);
    }
}

TEST_F(WatcherTest, LeavesAloneWhatItCannotCure) {
    Ailment away = broken({.kind = Thing::Kind::node, .name = "left"});
    away.curable = false;
    EXPECT_EQ(watcher_.observe({away}, now_).size(), 1U);
    EXPECT_THAT(watcher_.due(now_), IsEmpty());
    EXPECT_EQ(watcher_.next(), Watcher::Time::max());
    EXPECT_THAT(names(watcher_.broken()), ElementsAre("left"));
    EXPECT_EQ(watcher_.observe({}, now_).size(), 1U);
    EXPECT_THAT(watcher_.broken(), IsEmpty());
}

TEST_F(WatcherTest, KeepsOneThingsPausesFromTheOthers) {
    watcher_.observe({broken(relay)}, now_);
    (void)watcher_.due(now_);
    now_ += 1ms;
    watcher_.observe({broken(relay), broken(sink)}, now_);
    EXPECT_THAT(names(watcher_.due(now_)), ElementsAre("sink"));
}

// Whatever breaks and gets well in whatever order: nothing is tried that is well, nothing twice
// within the shortest pause, and what stays broken is tried at least every longest pause.
RC_GTEST_PROP(WatcherProperty, TriesWhatIsBrokenNeitherTooOftenNorTooRarely, ()) {
    Watcher::Time now(1h);
    Watcher watcher({}, [] { return *rc::gen::element(0.0, 0.3, 0.99); });
    std::map<Thing, Watcher::Time> tried;
    std::map<Thing, Watcher::Time> broken_since;
    for (int step = *rc::gen::inRange(1, 60); step > 0; --step) {
        std::vector<Ailment> all;
        for (const Thing& thing : {relay, sink}) {
            if (*rc::gen::arbitrary<bool>()) {
                all.push_back(broken(thing));
                broken_since.try_emplace(thing, now);
            } else {
                broken_since.erase(thing);
            }
        }
        watcher.observe(all, now);
        RC_ASSERT(watcher.broken().size() == all.size());
        // As a watch does: it sleeps until next() at most.
        const auto sleep = Watcher::Span(*rc::gen::inRange(1, 90'000));
        now = std::min(now + sleep, std::max(now, watcher.next()));
        for (const Ailment& each : watcher.due(now)) {
            RC_ASSERT(broken_since.contains(each.thing));
            const auto before = tried.find(each.thing);
            RC_ASSERT(before == tried.end() || now - before->second >= 187ms);
            tried[each.thing] = now;
        }
        for (const auto& [thing, since] : broken_since) {
            const auto last = tried.find(thing);
            RC_ASSERT(last == tried.end() || now - std::max(last->second, since) <= 75s);
        }
    }
}

} // namespace
} // namespace authex::deployer
