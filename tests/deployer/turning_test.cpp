// Keys of connections are turned while events flow; the deployer and modules die in between.
#include "deployer/turning.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// With requests, and the deployer's own connection.
std::string busy_chain() {
    return test::chain("  - { name: q, from: first.ask,  to: last.answer }\n"
                       "  - { name: poke, direct: true, to: middle.relay }\n");
}

class TurningTest : public testing::Test {
  protected:
    void SetUp() override { (void)act({}); }

    std::vector<std::string> act(const Selection& selection) {
        const auto done = world.open()->up(selection);
        EXPECT_TRUE(done) << to_text(done.error().at(0));
        std::vector<std::string> all;
        for (const PlannedStep& step : done ? done->steps : std::vector<PlannedStep>()) {
            all.push_back(step.action + " " + step.subject);
        }
        return all;
    }
    static Selection turn(std::vector<std::string> connections = {}) {
        return {.load = false,
                .attest = false,
                .register_periodic = false,
                .remove_stale = false,
                .connections = std::move(connections),
                .turn_keys = true};
    }
    [[nodiscard]] ConnectionRecord connection(const std::string& name) const {
        return *(*State::open(world.database))->connection(name);
    }
    [[nodiscard]] std::uint64_t incarnation_of(const std::string& module) const {
        return (*State::open(world.database))->module(module)->incarnation;
    }
    std::uint64_t arrived() { return world.module("last").taken; }

    FakeWorld world{busy_chain()};
};

TEST_F(TurningTest, ConnectionsGoOnUnderOtherKeysInTheirEpoch) {
    world.go("first");
    const Secret before = connection("a").key;
    EXPECT_THAT(act(turn()), ElementsAre("turn a", "turn b", "turn q"));
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    for (const char* name : {"a", "b", "q"}) {
        EXPECT_EQ(connection(name).epoch, 1U);
        EXPECT_EQ(connection(name).turn, 1U);
    }
    EXPECT_EQ(connection("poke").turn, 0U);
    EXPECT_FALSE(equal_constant_time(connection("a").key.view(), before.view()));
    EXPECT_THAT(act({}), IsEmpty());
}

TEST_F(TurningTest, WhatHasNotArrivedIsTakenUnderTheKeyBefore) {
    world.crash("last");
    world.go("first");
    (void)act({});
    world.node("right").carries_nothing = true;
    world.go("first");
    ASSERT_EQ(arrived(), 0U);
    EXPECT_THAT(act(turn({"b"})), ElementsAre("turn b"));
    const auto again = world.open()->up(turn({"b"}));
    ASSERT_FALSE(again) << "only one key is left behind";
    EXPECT_EQ(again.error().at(0).code, "events-wait");
    world.node("right").carries_nothing = false;
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_THAT(act(turn({"b"})), ElementsAre("turn b"));
    world.go("first");
    EXPECT_EQ(arrived(), 3U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(TurningTest, ADirectConnectionSaysWhyItsKeyStays) {
    const auto refused = world.open()->up(turn({"poke"}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().at(0).code, "key-stays");
    EXPECT_THAT(refused.error().at(0).summary, HasSubstr("the deployer's own"));
}

TEST_F(TurningTest, UpdatesGoOnUnderTurnedKeys) {
    for (int round = 0; round < 3; ++round) {
        (void)act(turn());
        world.go("first");
        for (const char* module : {"first", "middle", "last"}) {
            world.change_code(module);
        }
        (void)act({});
        world.go("first");
        ASSERT_EQ(arrived(), 2U * (static_cast<unsigned>(round) + 1));
    }
    EXPECT_EQ(connection("b").turn, 3U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

/// The deployer dies, or a call fails, at each place in turn; the next one goes on, also where a
/// module has died meanwhile.
class BrokenTurn : public TurningTest, public testing::WithParamInterface<bool> {
  protected:
    void turn_until(int place, bool& finished) {
        if (GetParam()) {
            world.loss = place;
            (void)world.open()->up(turn());
            finished = world.loss > 0;
            world.loss = -1;
        } else {
            world.fuse = place;
            finished = world.survives([&] { (void)world.open()->up(turn()); });
            world.fuse = -1;
        }
    }
};
INSTANTIATE_TEST_SUITE_P(KilledOrLost, BrokenTurn, testing::Bool());

TEST_P(BrokenTurn, IsFinishedByTheNextUp) {
    std::uint64_t sent = 0;
    bool finished = false;
    for (int place = 1; !finished; ++place) {
        SCOPED_TRACE(place);
        turn_until(place, finished);
        world.go("first");
        (void)act({});
        world.go("first");
        sent += 2;
        ASSERT_EQ(arrived(), sent);
        ASSERT_NE(connection("b").turned_at, turn_unfinished);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

TEST_P(BrokenTurn, IsGoneOnFromByAModuleThatDiedMeanwhile) {
    std::uint64_t sent = 0;
    bool finished = false;
    for (int place = 1; !finished; ++place) {
        SCOPED_TRACE(place);
        turn_until(place, finished);
        world.go("first");
        world.crash("middle");
        (void)act({});
        world.go("first");
        sent += 2;
        ASSERT_EQ(arrived(), sent);
        ASSERT_NE(connection("b").turned_at, turn_unfinished);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

TEST_P(BrokenTurn, IsGoneOnFromByAModuleThatDiedMeanwhileAndADeployerThatDiesAsWell) {
    std::uint64_t sent = 0;
    bool finished = false;
    for (int place = 1; !finished; ++place) {
        bool survived = false;
        for (int killed = place % 7 + 1; !survived; killed += 7) {
            SCOPED_TRACE(fmt::format("{} {}", place, killed));
            turn_until(place, finished);
            world.go("first");
            world.crash("middle");
            world.fuse = killed;
            survived = world.survives([&] { (void)world.open()->up({}); });
            world.fuse = -1;
            (void)act({});
            world.go("first");
            sent += 2;
            ASSERT_EQ(arrived(), sent);
            ASSERT_NE(connection("b").turned_at, turn_unfinished);
            ASSERT_THAT(world.used_twice, IsEmpty());
        }
    }
}

/// A next instance seals under the newest key: the other end has to have it.
TEST_P(BrokenTurn, IsFinishedBeforeAnInstanceTakesOver) {
    bool finished = false;
    for (int place = 1; !finished; ++place) {
        for (const int lost : {3, 7, 11}) {
            SCOPED_TRACE(fmt::format("{} {}", place, lost));
            turn_until(place, finished);
            const std::uint64_t incarnation = incarnation_of("middle");
            world.change_code("middle");
            world.loss = lost;
            (void)world.open()->up({});
            world.loss = -1;
            const bool turns = connection("a").turned_at == turn_unfinished ||
                               connection("b").turned_at == turn_unfinished;
            ASSERT_TRUE(!turns || incarnation_of("middle") == incarnation);
            (void)act({});
            ASSERT_GT(incarnation_of("middle"), incarnation);
        }
    }
    world.go("first");
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

/// A route that a node has wrong is told again under the keys that both ends have.
TEST_P(BrokenTurn, IsFinishedBeforeARouteIsToldAgain) {
    const auto before = world.node("left").routes;
    world.set_descriptor(test::with_middle_moved(busy_chain()));
    (void)act({});
    std::uint64_t sent = 0;
    bool finished = false;
    for (int place = 1; !finished; ++place) {
        bool survived = false;
        for (int lost = place % 17 + 1; !survived; lost += 17) {
            SCOPED_TRACE(fmt::format("{} {}", place, lost));
            turn_until(place, finished);
            world.go("first");
            world.node("left").routes = before;
            world.loss = lost;
            (void)world.open()->up({});
            survived = world.loss > 0;
            world.loss = -1;
            (void)act({});
            world.go("first");
            sent += 2;
            ASSERT_EQ(arrived(), sent);
            ASSERT_NE(connection("b").turned_at, turn_unfinished);
            ASSERT_THAT(world.used_twice, IsEmpty());
        }
    }
}

} // namespace
} // namespace authex::deployer
