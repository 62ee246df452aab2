// Modules are updated and moved while events are on their way; nodes fail in between.
#include "deployer/handover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr const char* handover_chain = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp], config: { limit: 21 } }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
  - { name: ask,  direct: true, to: last.answer }
periodic:
  - { name: tick, module: middle, entry: go, every: 1s }
)";

class HandoverTest : public testing::Test {
  protected:
    void SetUp() override { up(); }

    std::vector<std::string> up(const Selection& selection = {}) {
        const auto done = world.open()->up(selection);
        EXPECT_TRUE(done) << to_text(done.error().at(0));
        std::vector<std::string> all;
        for (const PlannedStep& step : done ? done->steps : std::vector<PlannedStep>()) {
            all.push_back(step.action + " " + step.subject);
        }
        return all;
    }
    Diagnostic failing_up() {
        const auto done = world.open()->up({});
        EXPECT_FALSE(done);
        return done ? Diagnostic{} : done.error().at(0);
    }
    [[nodiscard]] std::map<std::string, ModuleRecord> modules() const {
        return (*State::open(world.database))->modules();
    }
    std::uint32_t epoch(const std::string& name) {
        return (*State::open(world.database))->connection(name)->epoch;
    }
    std::set<std::string> on_nodes() {
        std::set<std::string> all;
        for (const auto& [name, node] : world.nodes) {
            for (const auto& [module, its] : node->modules) {
                all.insert(name + " " + module);
            }
        }
        return all;
    }
    /// What reached the end, of all that was ever sent.
    std::uint64_t arrived() { return world.module("last").taken; }

    FakeWorld world{handover_chain};
};

TEST_F(HandoverTest, AnUpdatedModuleGoesOnWithStateAndConnections) {
    world.go("first");
    world.change_code("last");
    EXPECT_THAT(up(), ElementsAre("load last", "attest last", "update last"));
    EXPECT_EQ(arrived(), 1U);
    EXPECT_EQ(epoch("b"), 1U) << "no key is new, nothing that waits is lost";
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_THAT(on_nodes(), ElementsAre("left first", "left last.2", "right middle"));
    EXPECT_THAT(up(), IsEmpty());
    ASSERT_TRUE(world.open()->request("ask", std::vector<std::uint8_t>{7}));
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(HandoverTest, ManyUpdatesLoseNothing) {
    std::uint64_t sent = 0;
    for (int round = 0; round < 20; ++round) {
        for (const char* module : {"first", "middle", "last"}) {
            world.change_code(module);
        }
        world.go("first");
        ++sent;
        ASSERT_TRUE(world.open()->output("poke", {}));
        ++sent;
        up();
        ASSERT_EQ(arrived(), sent);
    }
    EXPECT_THAT(on_nodes(), ElementsAre("left first.21", "left last.21", "right middle.21"));
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(HandoverTest, AMovedModuleTakesAllAlong) {
    world.go("first");
    world.set_descriptor(test::with_middle_moved(handover_chain));
    EXPECT_THAT(up(),
                ElementsAre("load middle", "attest middle", "configure middle", "update middle"));
    EXPECT_THAT(on_nodes(), ElementsAre("left first", "left last", "left middle.2"));
    EXPECT_TRUE(world.node("right").routes.empty());
    EXPECT_TRUE(world.node("right").periodic.empty());
    EXPECT_EQ(world.node("left").periodic.at("tick").module(), "middle.2");
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_EQ(world.module("middle").taken, 2U);
    EXPECT_THAT(up(), IsEmpty());
    world.set_descriptor(handover_chain);
    up();
    world.go("first");
    EXPECT_EQ(arrived(), 3U);
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(HandoverTest, AnOrderFromBeforeAMoveThatArrivesAfterItIsMadeUpFor) {
    const auto before = world.node("left").routes;
    world.set_descriptor(test::with_middle_moved(handover_chain));
    up();
    const std::uint32_t turned = epoch("a");
    world.node("left").routes = before;
    EXPECT_THAT(up(), UnorderedElementsAre("connect a", "connect b"));
    EXPECT_EQ(epoch("a"), turned);
    world.go("first");
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(HandoverTest, WhatTheInstanceBeforeHasSaidFindsRoomBeforeTheNextOneSaysMore) {
    world.change_code("middle");
    world.node("right").frames_wait = 3;
    up();
    EXPECT_EQ(world.node("right").frames_wait, 0);
    world.go("first");
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(HandoverTest, APeriodicEventFollowsTheInstance) {
    world.change_code("middle");
    up();
    EXPECT_EQ(world.node("right").periodic.at("tick").module(), "middle.2");
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(HandoverTest, TheNextInstanceHasTheConfiguration) {
    world.change_code("middle");
    up();
    ASSERT_EQ(modules().at("middle").given.size(), 1U);
    EXPECT_EQ(modules().at("middle").given[0].name, "limit");
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(HandoverTest, StateThatNothingTakesStopsNothing) {
    world.go("first");
    world.layouts["last"] = {.variables = {{.name = "taken", .bytes = 4}}};
    world.change_code("last");
    const Diagnostic problem = failing_up();
    EXPECT_EQ(problem.code, "state-layout");
    EXPECT_THAT(problem.summary, HasSubstr("`taken` has 8 bytes, and 4 in the new source"));
    EXPECT_THAT(problem.fix, HasSubstr("AUTHEX_MIGRATE"));
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_THAT(on_nodes(), Not(Contains("left last.2")));
    EXPECT_THAT(world.calls, Not(Contains("left remove last")));
    Selection afresh;
    afresh.afresh.all = true;
    up(afresh);
    EXPECT_EQ(arrived(), 0U);
}

TEST_F(HandoverTest, AModuleThatDoesNotRunIsReplaced) {
    world.change_code("last");
    world.crash("last");
    EXPECT_THAT(up(), ElementsAre("load last", "attest last", "connect b", "connect ask"));
    EXPECT_THAT(on_nodes(), Contains("left last"));
}

/// What the other end has forgotten cannot arrive, and is connected anew.
TEST_F(HandoverTest, AModuleMovesWhileTheOtherEndOfAConnectionStartsAnew) {
    world.go("first");
    world.restart("last");
    world.restart("first");
    world.set_descriptor(test::with_middle_moved(handover_chain));
    up();
    EXPECT_EQ(world.module("middle").taken, 1U);
    world.go("first");
    EXPECT_EQ(world.module("middle").taken, 2U);
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

/// What it says cannot be heard, but it runs: it is not begun anew for that.
TEST_F(HandoverTest, AModuleWhoseChannelWasLostIsAttestedAndThenHandsOver) {
    world.go("first");
    Change change;
    const auto state = State::open(world.database);
    change.modules = {*(*state)->module("last")};
    change.modules[0].attested_at_us = 0;
    ASSERT_TRUE((*state)->commit(change));
    world.change_code("last");
    up();
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(HandoverTest, ADeployerWhoseStateIsLostFindsTheInstance) {
    world.go("first");
    world.change_code("last");
    up();
    world.lose_state();
    world.calls.clear();
    const auto done = world.open()->recover(0);
    ASSERT_TRUE(done) << to_text(done.error().at(0));
    EXPECT_THAT(on_nodes(), Contains("left last.2"));
    EXPECT_THAT(on_nodes(), Not(Contains("left last")));
    EXPECT_EQ(arrived(), 1U) << "it was not begun anew";
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    world.change_code("last");
    up();
    EXPECT_THAT(on_nodes(), Contains("left last.3"));
    EXPECT_EQ(arrived(), 2U);
}

TEST_F(HandoverTest, AGuestSeesTheModuleByItsName) {
    world.change_code("last");
    up();
    world.lose_state();
    world.has_owner_key = false;
    const auto status = world.open()->status();
    ASSERT_TRUE(status) << to_text(status.error().at(0));
    EXPECT_EQ(status->modules.at(2).state, "running");
    ASSERT_TRUE(world.open()->restart("last"));
    EXPECT_THAT(world.calls, Contains("left stop last.2"));
}

TEST_F(HandoverTest, StatusAndLogsCallTheModuleByItsName) {
    world.change_code("last");
    up();
    const auto status = world.open()->status();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->modules.at(2).name, "last");
    EXPECT_EQ(status->modules.at(2).state, "running");
    EXPECT_TRUE(status->modules.at(2).attested_at);
    v1::LogLine line;
    line.set_module("last.2");
    line.set_text("hello");
    world.node("left").log = {line};
    std::vector<std::string> modules;
    ASSERT_TRUE(world.open()->logs({.modules = {"last"}}, [&](const LogEntry& entry) {
        modules.push_back(entry.module);
        return true;
    }));
    EXPECT_THAT(modules, ElementsAre("last"));
}

TEST_F(HandoverTest, DownAndDisableReachTheInstance) {
    world.change_code("last");
    up();
    ASSERT_TRUE(world.open()->disable("last"));
    world.go("first");
    EXPECT_EQ(arrived(), 0U);
    ASSERT_TRUE(world.open()->down());
    EXPECT_THAT(on_nodes(), IsEmpty());
}

/// What follows a handover that failed or whose deployer died: all is whole after one more up.
void expect_whole(FakeWorld& world) {
    constexpr std::uint16_t first_channel = 1;
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto done = world.open()->up({});
        if (done) {
            break;
        }
        ASSERT_LT(attempt, 2) << to_text(done.error().at(0));
    }
    const auto again = world.open()->plan({});
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->empty()) << again->steps.at(0).action << " " << again->steps.at(0).subject
                                << ": " << again->steps.at(0).reason;
    world.pump();
    const std::uint64_t sent = world.sent.at(first_channel);
    EXPECT_EQ(world.module("last").taken, sent) << "each event once";
    world.go("first");
    EXPECT_EQ(world.module("last").taken, sent + 1);
    ASSERT_TRUE(world.open()->output("poke", {}));
    EXPECT_EQ(world.module("last").taken, sent + 2);
    EXPECT_THAT(world.used_twice, IsEmpty());
    const auto state = State::open(world.database);
    for (const auto& [name, module] : (*state)->modules()) {
        EXPECT_EQ(module.instance_of, "") << name;
    }
    std::size_t instances = 0;
    for (const auto& [name, node] : world.nodes) {
        instances += node->modules.size();
    }
    EXPECT_EQ(instances, 3U);
}

/// Everything changes and one module moves, with events that wait.
void prepare(FakeWorld& world) {
    ASSERT_TRUE(world.open()->up({}));
    world.go("first");
    for (const char* module : {"first", "middle", "last"}) {
        world.change_code(module);
    }
    world.set_descriptor(test::with_middle_moved(handover_chain));
}

// P72
TEST(HandoverFaults, ADeployerThatIsKilledAnywhereLosesAndDoublesNothing) {
    int killed = 0;
    for (int place = 1;; ++place) {
        SCOPED_TRACE(testing::Message() << "killed at place " << place);
        FakeWorld world(handover_chain);
        prepare(world);
        world.fuse = place;
        const bool survived = world.survives([&] { (void)world.open()->up({}); });
        world.fuse = -1;
        world.go("first"); // which may wait
        killed += survived ? 0 : 1;
        expect_whole(world);
        if (survived || testing::Test::HasFailure()) {
            break;
        }
    }
    EXPECT_TRUE(testing::Test::HasFailure() || killed > 100) << killed << " places";
}

TEST(HandoverFaults, ACallThatFailsAnywhereLosesAndDoublesNothing) {
    int failed = 0;
    for (int place = 1;; ++place) {
        SCOPED_TRACE(testing::Message() << "lost at place " << place);
        FakeWorld world(handover_chain);
        prepare(world);
        world.loss = place;
        (void)world.open()->up({});
        const bool survived = world.loss > 0;
        world.loss = -1;
        world.go("first");
        failed += survived ? 0 : 1;
        expect_whole(world);
        if (survived || testing::Test::HasFailure()) {
            break;
        }
    }
    EXPECT_TRUE(testing::Test::HasFailure() || failed > 60) << failed << " places";
}

TEST(HandoverFaults, ANodeThatGoesAwayForLongIsComeBackTo) {
    FakeWorld world(handover_chain);
    prepare(world);
    world.loss = 40;
    (void)world.open()->up({});
    world.loss = -1;
    world.node("right").reachable = false;
    EXPECT_FALSE(world.open()->up({}));
    world.node("right").reachable = true;
    expect_whole(world);
}

} // namespace
} // namespace authex::deployer
