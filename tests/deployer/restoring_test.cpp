// Modules whose state is kept die and come back; nodes give old states, and fail in between.
#include "deployer/restoring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeModule;
using test::FakeNode;
using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Beside the chain, the deployer speaks to the one between.
std::string watched_chain() {
    return test::chain("  - { name: poke, direct: true, to: middle.relay }\n"
                       "  - { name: ask,  direct: true, to: middle.answer }\n");
}

bool has_step_for(const Plan& plan, const std::string& module) {
    return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const PlannedStep& step) {
        return step.subject == module;
    });
}

class RestoringTest : public testing::Test {
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
    [[nodiscard]] ConnectionRecord connection(const std::string& name) const {
        return *(*State::open(world.database))->connection(name);
    }
    [[nodiscard]] ModuleRecord module(const std::string& name) const {
        return *(*State::open(world.database))->module(name);
    }
    std::uint64_t arrived() { return world.module("last").taken; }
    void persist_all() {
        std::string all = watched_chain();
        for (const char* name : {"first.cpp]", "last.cpp]"}) {
            all.insert(all.find(name) + std::string(name).size(), ", persist: true");
        }
        world.set_descriptor(all);
        up();
    }

    FakeWorld world{watched_chain()};
};

TEST_F(RestoringTest, AModuleThatDiedGoesOnWithStateAndConnections) {
    world.go("first");
    world.go("first");
    world.crash("middle");
    world.go("first"); // waits
    EXPECT_EQ(arrived(), 2U);
    up();
    world.pump();
    EXPECT_EQ(world.module("middle").taken, 3U) << "the state of before, and what waited";
    EXPECT_EQ(arrived(), 3U);
    EXPECT_EQ(connection("a").epoch, 1U);
    EXPECT_EQ(connection("a").turn, 0U) << "who only opens needs no other key";
    EXPECT_EQ(connection("b").epoch, 1U);
    EXPECT_EQ(connection("b").turn, 1U) << "who seals never does it under a key of before";
    world.go("first");
    EXPECT_EQ(arrived(), 4U);
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

// An order to it was not answered, so that its channel is gone; it is the process that it was.
TEST_F(RestoringTest, AModuleWaitsForAPeerThatIsNotAttestedJustNow) {
    std::string apart = watched_chain();
    apart.replace(apart.find("node: left,  sources: [first"), 10, "node: right");
    world.set_descriptor(apart);
    up();
    world.node("right").carries_nothing = true;
    world.go("first");
    world.crash("middle");
    {
        const auto state = State::open(world.database);
        Change change;
        change.modules = {*(*state)->module("last")};
        change.modules[0].attested_at_us = 0;
        ASSERT_TRUE((*state)->commit(change));
    }
    world.node("left").reachable = false;
    const Diagnostic waits = failing_up();
    world.node("left").reachable = true;
    world.node("right").carries_nothing = false;
    up();
    world.pump();
    EXPECT_EQ(arrived(), 1U) << to_text(waits);
    EXPECT_EQ(connection("b").epoch, 1U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, StatusSaysWhetherARollbackWouldBeNoticed) {
    const auto kept = [this](const std::string& name) {
        const auto status = world.open()->status();
        EXPECT_TRUE(status);
        for (const ModuleStatus& module : status->modules) {
            if (module.name == name) {
                return module.kept;
            }
        }
        return std::string("no such module");
    };
    EXPECT_EQ(kept("middle"), "witnessed");
    EXPECT_EQ(kept("last"), "");
    persist_all();
    EXPECT_EQ(kept("first"), "witnessed");
    EXPECT_EQ(kept("last"), "rollback possible") << "nobody hears of it";
}

TEST_F(RestoringTest, EventsThatNobodyWasGivenYetAreGivenAfterwards) {
    world.go("first");
    world.module("middle").keeps_to_itself = true;
    world.go("first");
    world.crash("middle");
    world.module("middle").keeps_to_itself = false;
    EXPECT_EQ(arrived(), 1U);
    up();
    world.pump();
    EXPECT_EQ(world.module("middle").taken, 2U);
    EXPECT_EQ(arrived(), 2U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, AModuleMayDieAgainAndAgain) {
    std::uint64_t sent = 0;
    for (int round = 0; round < 12; ++round) {
        world.go("first");
        world.crash("middle");
        world.go("first");
        sent += 2;
        up();
        world.pump();
        ASSERT_EQ(arrived(), sent);
        ASSERT_TRUE(world.open()->output("poke", {}));
        world.pump();
        ASSERT_EQ(arrived(), ++sent);
        ASSERT_EQ(world.open()->request("ask", std::vector<std::uint8_t>{7}).value(),
                  std::vector<std::uint8_t>{7});
    }
    EXPECT_EQ(connection("b").turn, 12U);
    EXPECT_EQ(connection("b").epoch, 1U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, AllModulesMayDieAtOnce) {
    persist_all();
    std::uint64_t sent = arrived();
    for (int round = 0; round < 4; ++round) {
        world.go("first");
        for (const char* each : {"first", "middle", "last"}) {
            world.crash(each);
        }
        up();
        world.go("first");
        sent += 2;
        ASSERT_EQ(arrived(), sent);
    }
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

// P80
TEST_F(RestoringTest, AnOldStateIsRefusedBecauseOthersKnowBetter) {
    world.go("first");
    const auto old = world.module("middle").kept_state;
    world.go("first");
    const auto newest = world.module("middle").kept_state;
    world.crash("middle");
    world.module("middle").kept_state = old;
    const Diagnostic problem = failing_up();
    EXPECT_EQ(problem.code, "state-rolled-back");
    EXPECT_THAT(problem.summary, HasSubstr("module last"));
    world.go("first");
    EXPECT_EQ(arrived(), 2U) << "it waits";
    world.module("middle").kept_state = newest;
    up();
    world.pump();
    EXPECT_EQ(arrived(), 3U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, AnOldStateIsRefusedBecauseItsOwnerGotALaterAnswer) {
    const auto old = world.module("middle").kept_state;
    ASSERT_TRUE(world.open()->request("ask", std::vector<std::uint8_t>{7}));
    world.crash("middle");
    world.module("middle").kept_state = old;
    const Diagnostic problem = failing_up();
    EXPECT_EQ(problem.code, "state-rolled-back");
    EXPECT_THAT(problem.summary, HasSubstr("its owner"));
}

// P81
TEST_F(RestoringTest, AProcessOfBeforeThatIsSaidToBeDeadIsHeardByNobody) {
    world.go("first");
    FakeModule zombie;
    zombie.spec = world.module("middle").spec;
    zombie.runtime = std::move(world.module("middle").runtime);
    world.crash("middle");
    up();
    // Its node gives it the next event first.
    test::FakeNode& left = world.node("left");
    test::FakeNode& right = world.node("right");
    FakeModule& first = world.module("first");
    wire::FrameHeader go{.kind = wire::Kind::call,
                         .deployment = static_cast<std::uint16_t>(first.spec.deployment()),
                         .channel = test::fake_go};
    std::vector<std::uint8_t> call(wire::header_bytes);
    wire::write_header(go, call);
    (void)left.invoke(first, call);
    const auto event = left.waiting.at(connection("a").id).back();
    (void)right.invoke(zombie, event);
    auto& waiting = right.waiting.at(connection("b").id);
    ASSERT_EQ(zombie.taken, 1U) << "it acts still";
    ASSERT_FALSE(waiting.empty());
    const auto forged = waiting.back();
    waiting.clear();
    (void)left.invoke(world.module("last"), forged);
    EXPECT_EQ(arrived(), 1U);
    world.pump();
    EXPECT_EQ(arrived(), 2U) << "of the module that came back";
}

TEST_F(RestoringTest, AStateOfAnEarlierLifeIsRefused) {
    world.go("first");
    const auto old = world.module("middle").kept_state;
    world.crash("middle");
    up();
    world.go("first");
    world.crash("middle");
    world.module("middle").kept_state = old;
    EXPECT_EQ(failing_up().code, "state-forged");
}

TEST_F(RestoringTest, ALostStateIsSaidAndGivenUpOnlyWhenAskedTo) {
    world.go("first");
    world.crash("middle");
    world.module("middle").kept_state.clear();
    EXPECT_EQ(failing_up().code, "state-lost");
    EXPECT_EQ(failing_up().code, "state-lost") << "it stays so";
    up({.afresh = {.modules = {"middle"}}});
    EXPECT_EQ(world.module("middle").taken, 0U);
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_EQ(connection("b").epoch, 2U);
    EXPECT_EQ(connection("b").turn, 0U);
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(RestoringTest, AStateIsGivenUpOfTheModulesAloneThatAreNamed) {
    persist_all();
    world.go("first");
    world.go("first");
    world.crash("middle");
    world.crash("last");
    world.module("middle").kept_state.clear();
    const auto unknown = world.open()->up({.afresh = {.modules = {"midle"}}});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().at(0).code, "unknown-module");
    up({.afresh = {.modules = {"middle"}}});
    EXPECT_EQ(world.module("middle").taken, 0U);
    EXPECT_EQ(arrived(), 2U) << "it has its state";
    world.go("first");
    EXPECT_EQ(arrived(), 3U);
}

TEST_F(RestoringTest, NewCodeTakesOverFromTheOldOneThatGotItsStateBack) {
    world.go("first");
    world.crash("middle");
    world.change_code("middle");
    up();
    EXPECT_EQ(world.module("middle").taken, 1U);
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_THAT(up(), IsEmpty());
    world.crash("middle");
    up();
    world.go("first");
    EXPECT_EQ(arrived(), 3U);
    EXPECT_EQ(world.module("middle").taken, 3U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, AModuleThatCameBackIsUpdatedAsAny) {
    world.go("first");
    world.crash("middle");
    up();
    world.change_code("middle");
    up();
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    world.change_code("last");
    up();
    world.go("first");
    EXPECT_EQ(arrived(), 3U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, WithAPeerThatDiedForGoodTheConnectionIsKeyedAnew) {
    world.go("first");
    world.crash("middle");
    world.crash("last");
    up();
    EXPECT_EQ(connection("a").epoch, 1U);
    EXPECT_EQ(connection("b").epoch, 2U);
    world.go("first");
    EXPECT_EQ(world.module("middle").taken, 2U);
    EXPECT_EQ(arrived(), 1U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RestoringTest, AnAttestationOfAModuleThatRunsChangesNothing) {
    world.go("first");
    up({.attest_again = true});
    EXPECT_EQ(module("middle").keeping, KeepingStep::none);
    world.go("first");
    EXPECT_EQ(arrived(), 2U);
    EXPECT_EQ(connection("b").turn, 0U);
}

/// The deployer dies at each place in turn; the next one goes on, and nothing is lost or doubled.
TEST_F(RestoringTest, AKilledDeployerIsFinishedByTheNext) {
    std::uint64_t sent = 0;
    for (int place = 1, finished = 0; finished < 3; ++place) {
        SCOPED_TRACE(place);
        world.go("first");
        world.crash("middle");
        world.go("first");
        sent += 2;
        world.fuse = place;
        finished += world.survives([&] { (void)world.open()->up({}); }) ? 1 : 0;
        world.fuse = -1;
        up();
        world.go("first");
        ASSERT_EQ(arrived(), ++sent);
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// A call to a node fails at each place in turn.
TEST_F(RestoringTest, AFailedCallIsMadeGoodByTheNextUp) {
    std::uint64_t sent = 0;
    for (int place = 1, finished = 0; finished < 3; ++place) {
        SCOPED_TRACE(place);
        world.go("first");
        world.crash("middle");
        world.go("first");
        sent += 2;
        world.loss = place;
        (void)world.open()->up({});
        finished += world.loss > 0 ? 1 : 0;
        world.loss = -1;
        up();
        world.go("first");
        ASSERT_EQ(arrived(), ++sent);
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// Also one without connections: nothing else would tell that it waits.
TEST_F(RestoringTest, AModuleThatWasNotToldToGoOnIsPlannedFor) {
    std::string lone = watched_chain();
    lone.insert(lone.find("connections:"),
                "  lone: { node: left, sources: [lone.cpp], persist: true }\n");
    world.set_descriptor(lone);
    int waits = 0;
    for (int place = 1, finished = 0; finished < 1; ++place) {
        SCOPED_TRACE(place);
        world.fuse = place;
        finished += world.survives([&] { (void)world.open()->up({}); }) ? 1 : 0;
        world.fuse = -1;
        const auto plan = world.open()->plan({});
        ASSERT_TRUE(plan);
        const std::map<std::string, ModuleRecord> modules =
            (*State::open(world.database))->modules();
        const auto found = modules.find("lone");
        const bool goes_on = found != modules.end() && found->second.attested_at_us != 0 &&
                             found->second.keeping == KeepingStep::none;
        waits += goes_on ? 0 : 1;
        ASSERT_TRUE(goes_on || has_step_for(*plan, "lone"));
        up();
        ASSERT_TRUE(world.open()->plan({})->empty());
        world.crash("lone");
    }
    EXPECT_GT(waits, 5);
}

/// Nothing was kept, and nothing was lost: it begins.
TEST_F(RestoringTest, AModuleThatDiedBeforeItWasFirstToldToKeepItsStateBegins) {
    std::string lone = watched_chain();
    lone.insert(lone.find("connections:"),
                "  lone: { node: left, sources: [lone.cpp], persist: true }\n");
    for (int place = 1, finished = 0; finished < 1; ++place) {
        SCOPED_TRACE(place);
        FakeWorld fresh{lone};
        fresh.fuse = place;
        finished += fresh.survives([&] { (void)fresh.open()->up({}); }) ? 1 : 0;
        fresh.fuse = -1;
        for (FakeNode* node : {&fresh.node("left"), &fresh.node("right")}) {
            for (auto& [name, module] : node->modules) {
                if (module.runtime != nullptr) {
                    node->start(module);
                }
            }
        }
        const auto done = fresh.open()->up({});
        ASSERT_TRUE(done) << to_text(done.error().at(0));
        fresh.go("first");
        ASSERT_EQ(fresh.module("last").taken, 1U);
        ASSERT_THAT(fresh.used_twice, IsEmpty());
    }
}

/// It dies while it is brought back.
TEST_F(RestoringTest, AModuleThatDiesOnItsWayBackIsBroughtBackAgain) {
    std::uint64_t sent = 0;
    for (int place = 1, finished = 0; finished < 3; ++place) {
        SCOPED_TRACE(place);
        world.go("first");
        world.crash("middle");
        world.go("first");
        sent += 2;
        world.fuse = place;
        finished += world.survives([&] { (void)world.open()->up({}); }) ? 1 : 0;
        world.fuse = -1;
        world.crash("middle");
        up();
        world.go("first");
        ASSERT_EQ(arrived(), ++sent);
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// The next instance has kept what it was given when it takes the place of the one before.
TEST_F(RestoringTest, AModuleThatDiesWhileItTakesOverIsBroughtBack) {
    std::uint64_t sent = 0;
    for (int place = 1, finished = 0; finished < 3; ++place) {
        SCOPED_TRACE(place);
        world.go("first");
        world.change_code("middle");
        world.fuse = place;
        finished += world.survives([&] { (void)world.open()->up({}); }) ? 1 : 0;
        world.fuse = -1;
        world.crash("middle");
        up();
        world.pump();
        world.go("first");
        sent += 2;
        ASSERT_EQ(arrived(), sent);
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// What was begun and given up begins anew, and looks for no state.
TEST_F(RestoringTest, ACallThatFailsWhileAModuleIsUpdatedIsMadeGoodByTheNextUp) {
    std::uint64_t sent = 0;
    for (int place = 1, finished = 0; finished < 3; ++place) {
        SCOPED_TRACE(place);
        world.go("first");
        world.change_code("middle");
        world.loss = place;
        (void)world.open()->up({});
        finished += world.loss > 0 ? 1 : 0;
        world.loss = -1;
        up();
        world.pump();
        world.go("first");
        sent += 2;
        ASSERT_EQ(arrived(), sent);
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// A state lies where its module was: it is brought back there, and moves then.
TEST_F(RestoringTest, AModuleThatDiedBeforeItMovesTakesItsStateAlong) {
    world.go("first");
    world.go("first");
    world.crash("middle");
    world.set_descriptor(test::with_middle_moved(watched_chain()));
    world.node("right").reachable = false;
    EXPECT_EQ(failing_up().code, "node-unreachable");
    EXPECT_EQ(module("middle").node, "right") << "it waits for what the node has";
    world.node("right").reachable = true;
    up();
    EXPECT_EQ(module("middle").node, "left");
    world.go("first");
    EXPECT_EQ(world.module("middle").taken, 3U);
    EXPECT_EQ(arrived(), 3U);
    EXPECT_EQ(connection("b").epoch, 1U);
    EXPECT_THAT(up(), IsEmpty());
    EXPECT_THAT(world.used_twice, IsEmpty());
}

/// What its owner has said in vain goes along with what he says next.
TEST_F(RestoringTest, WhatItsOwnerSaysToAModuleThatDiesTwiceIsTaken) {
    const std::vector<std::uint8_t> data{1};
    for (std::uint64_t deaths = 1; deaths < 5; ++deaths) {
        world.crash("middle");
        up();
        world.crash("middle");
        world.node("right").reachable = false;
        EXPECT_FALSE(world.open()->output("poke", data));
        world.node("right").reachable = true;
        up();
        ASSERT_TRUE(world.open()->output("poke", data));
        world.pump();
        ASSERT_EQ(world.module("middle").taken, 2 * deaths);
        ASSERT_EQ(arrived(), 2 * deaths);
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

/// Both ends of a connection die twice before anything of the first time has arrived: who receives
/// comes back first.
TEST_F(RestoringTest, BothEndsThatDieAgainAndAgainLoseNothing) {
    persist_all();
    std::uint64_t sent = 0;
    for (int deaths = 0; deaths < 4; ++deaths) {
        world.go("first");
        ++sent;
        world.crash("middle");
        world.go("first"); // waits
        ++sent;
        world.crash("first");
        world.crash("last");
        (void)world.open()->up({});
        world.crash("middle");
        world.crash("first");
        for (int tries = 0; tries < 4 && !world.open()->up({}); ++tries) {
            world.pump();
        }
        world.pump();
        ASSERT_EQ(world.module("middle").taken, sent);
        ASSERT_EQ(arrived(), sent);
        ASSERT_EQ(connection("a").epoch, 1U);
        ASSERT_THAT(up(), IsEmpty());
        ASSERT_THAT(world.used_twice, IsEmpty());
    }
}

} // namespace
} // namespace authex::deployer
