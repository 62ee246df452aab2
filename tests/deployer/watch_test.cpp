// Rounds of a watch over nodes whose modules are real runtimes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deployer/watch_round.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using namespace std::chrono_literals;
using test::FakeWorld;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* chain = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp], config: { limit: 5 } }
  middle: { node: right, sources: [middle.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
periodic:
  - { name: tick, module: first, entry: go, every: 1s }
)";

class WatchTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(world.open()->up({})); }
    void TearDown() override { EXPECT_THAT(world.used_twice, IsEmpty()); }

    /// What a watch does when it has heard of all nodes. @return acts, in words
    std::vector<std::string> round() {
        told.clear();
        const auto state = watched().look();
        Survey survey;
        const auto nodes = watched().reach_nodes();
        for (const auto& [name, node] : *nodes) {
            survey[name] = watched().ask(**state, name, *node);
        }
        world.calls.clear();
        next = watch().run(**state, survey, now);
        std::vector<std::string> words;
        for (const JournalEntry& each : told) {
            words.push_back(each.act + " " + each.subject + ": " + each.cause + ": " + each.result);
        }
        return words;
    }
    OwnedApplication& watched() {
        if (application_ == nullptr) {
            application_ = world.open_deployed();
        }
        return *application_;
    }
    WatchRound& watch() {
        if (watch_ == nullptr) {
            watch_ = std::make_unique<WatchRound>(
                watched(),
                rules,
                [] { return 0.5; },
                [this](const JournalEntry& entry) { told.push_back(entry); });
        }
        return *watch_;
    }
    void expect_flow() {
        const std::uint64_t before = world.module("last").taken;
        world.go("first");
        EXPECT_EQ(world.module("last").taken, before + 1);
    }

    FakeWorld world{chain};
    WatchRules rules;
    Watcher::Time now = Watcher::Time(1h);
    Watcher::Time next{};
    std::vector<JournalEntry> told;

  private:
    std::unique_ptr<OwnedApplication> application_;
    std::unique_ptr<WatchRound> watch_;
};

TEST_F(WatchTest, DoesNothingWhereAllIsWell) {
    EXPECT_THAT(round(), IsEmpty());
    EXPECT_THAT(world.calls, IsEmpty()) << "nodes are looked at, not told";
    EXPECT_EQ(next, Watcher::Time::max());
}

TEST_F(WatchTest, StartsAttestsAndConnectsAModuleThatHasEnded) {
    world.crash("middle");
    EXPECT_THAT(round(),
                ElementsAre("heal module middle: failed: killed by signal 11 (SIGSEGV): done"));
    expect_flow();
    EXPECT_THAT(round(), IsEmpty());
    EXPECT_EQ(watch().counts().tries.at("heal").done, 1U);
}

TEST_F(WatchTest, GivesConfigurationToAModuleThatStartsAnew) {
    world.crash("first");
    EXPECT_THAT(round(), Contains(HasSubstr("heal module first")));
    const auto state = watched().look();
    ASSERT_EQ((*state)->module("first")->given.size(), 1U);
    EXPECT_FALSE((*state)->module("first")->given[0].mac.empty());
}

TEST_F(WatchTest, AttestsAModuleThatItsNodeHasStartedAnew) {
    world.restart("last");
    EXPECT_THAT(round(), ElementsAre("heal module last: started anew: done"));
    expect_flow();
}

TEST_F(WatchTest, LoadsTheVeryImagesOnANodeThatHasLostEverything) {
    world.change_code("middle");
    world.node("right").modules.clear();
    world.node("right").routes.clear();
    EXPECT_THAT(round(), ElementsAre("heal module middle: the node lost it: done"));
    expect_flow();
    EXPECT_THAT(round(), IsEmpty());
}

TEST_F(WatchTest, ConnectsAgainWhatANodeDoesNotRouteAnyMore) {
    world.node("left").routes.clear();
    const auto acts = round();
    EXPECT_THAT(acts, Each(HasSubstr("heal connection")));
    EXPECT_EQ(acts.size(), 3U);
    expect_flow();
}

TEST_F(WatchTest, RegistersAgainWhatANodeHasForgotten) {
    world.node("left").periodic.clear();
    EXPECT_THAT(round(), ElementsAre("heal periodic event tick: the node lost it: done"));
    EXPECT_EQ(world.node("left").periodic.size(), 1U);
}

TEST_F(WatchTest, DeploysNothingThatTheStateDoesNotHave) {
    std::string more = chain;
    more.replace(more.find("connections:"), 0, "  added: { node: left, sources: [added.cpp] }\n");
    more += "  - { name: tock, module: last, entry: go, every: 1s }\n";
    world.set_descriptor(more);
    EXPECT_THAT(round(), IsEmpty());
    world.crash("middle");
    EXPECT_THAT(round(), ElementsAre(HasSubstr("heal module middle")));
    EXPECT_FALSE(world.node("left").modules.contains("added"));
    EXPECT_FALSE(world.node("left").periodic.contains("tock"));
}

// `authex update --node` deploys one module, and no descriptor as a whole.
TEST_F(WatchTest, MendsAModuleWhereItWasMovedTo) {
    std::string moved = chain;
    moved.replace(moved.find("node: right, sources: [middle"), 11, "node: left ");
    world.set_descriptor(moved);
    ASSERT_TRUE(world.open()->up({.modules = {"middle"}, .hand_over_or_fail = true}));
    world.crash("middle");
    EXPECT_THAT(round(),
                ElementsAre("heal module middle: failed: killed by signal 11 (SIGSEGV): done"));
    expect_flow();
    EXPECT_THAT(round(), IsEmpty());
}

TEST_F(WatchTest, LeavesAloneWhatWasDisabled) {
    ASSERT_TRUE(world.open()->disable("middle"));
    world.crash("middle");
    EXPECT_THAT(round(), IsEmpty());
}

TEST_F(WatchTest, TellsOfANodeThatIsGoneAndHealsItWhenItIsBack) {
    world.node("right").reachable = false;
    EXPECT_THAT(round(), ElementsAre("broken node right: node right is not there: "));
    EXPECT_THAT(round(), IsEmpty()) << "once";
    world.crash("first");
    EXPECT_THAT(round(), ElementsAre(HasSubstr("heal module first")))
        << "what is on other nodes does not wait";
    EXPECT_THAT(world.calls, Not(Contains(HasSubstr("right"))));
    world.node("right").reachable = true;
    world.node("right").modules.clear();
    const auto acts = round();
    EXPECT_THAT(acts, Contains("well node right: : "));
    EXPECT_THAT(acts, Contains("heal module middle: the node lost it: done"));
    now += 1s;
    (void)round();
    expect_flow();
}

TEST_F(WatchTest, DoesNotBelieveAnotherMachine) {
    world.crash("middle");
    world.node("right").key = test::evidence_key("another machine");
    EXPECT_THAT(round(),
                Contains(HasSubstr("broken node right: node right shows another evidence key")));
}

TEST_F(WatchTest, CutsOffWhatDoesNotProveWhatItIsAnyMoreAndTellsOfIt) {
    rules.attest_every = 1h;
    EXPECT_THAT(round(), IsEmpty());
    world.module("middle").identity[0] ^= 1U;
    world.now_us += std::chrono::microseconds(1h).count();
    EXPECT_THAT(round(), Contains(HasSubstr("quarantine module middle")));
    EXPECT_EQ(watch().counts().tries.at("quarantine").done, 1U);
    const std::uint64_t before = world.module("last").taken;
    world.go("middle");
    EXPECT_EQ(world.module("last").taken, before);
    now += 1h;
    (void)round();
    world.crash("middle");
    now += 1h;
    EXPECT_THAT(round(), Not(Contains(HasSubstr("middle")))) << "it is its owner's business now";
}

TEST_F(WatchTest, TellsAPeerThatWasAwayToDropWhatWasQuarantined) {
    rules.attest_every = 1h;
    world.module("middle").identity[0] ^= 1U;
    world.node("left").reachable = false;
    world.now_us += std::chrono::microseconds(1h).count();
    EXPECT_THAT(round(), Contains(HasSubstr("quarantine module middle")));
    world.node("left").reachable = true;
    const auto acts = round();
    EXPECT_THAT(acts, Contains(HasSubstr("heal connection a: module middle is quarantined: done")));
    const std::uint64_t before = world.module("last").taken;
    world.go("middle");
    EXPECT_EQ(world.module("last").taken, before);
}

TEST_F(WatchTest, AttestsAgainWhatWasAttestedTooLongAgo) {
    rules.attest_every = 1h;
    EXPECT_THAT(round(), IsEmpty());
    EXPECT_GT(next, now + 59min);
    EXPECT_LE(next, now + 1h);
    world.now_us += std::chrono::microseconds(1h).count();
    const auto acts = round();
    EXPECT_EQ(acts.size(), 3U);
    EXPECT_THAT(acts, Contains("attest attestation middle: its time has come: done"));
    expect_flow();
    EXPECT_THAT(round(), IsEmpty());
}

// A date that was wrong and was set back: what was done later than now has no age.
TEST_F(WatchTest, AttestsAndTurnsAgainWhatWasDoneInTheFuture) {
    rules.attest_every = 1h;
    rules.turn_keys_every = 1h;
    world.now_us += std::chrono::microseconds(48h).count();
    EXPECT_THAT(round(), Not(IsEmpty()));
    EXPECT_THAT(round(), IsEmpty());
    world.now_us -= std::chrono::microseconds(24h).count();
    const auto acts = round();
    EXPECT_THAT(acts, Contains("attest attestation middle: its time has come: done"));
    EXPECT_THAT(acts, Contains("turn key b: its time has come: done"));
    expect_flow();
    EXPECT_THAT(round(), IsEmpty());
    EXPECT_LE(next, now + 1h);
}

TEST_F(WatchTest, TurnsKeysThatHaveServedLongEnough) {
    rules.turn_keys_every = 1h;
    EXPECT_THAT(round(), IsEmpty());
    EXPECT_LE(next, now + 1h);
    for (std::uint32_t turn = 1; turn <= 3; ++turn) {
        world.now_us += std::chrono::microseconds(1h).count();
        now += 1h;
        const auto acts = round();
        EXPECT_THAT(acts, Contains("turn key b: its time has come: done"));
        const auto state = State::open(world.database);
        EXPECT_EQ((*state)->connection("b")->turn, turn);
        EXPECT_EQ((*state)->connection("b")->epoch, 1U);
        expect_flow();
        EXPECT_THAT(round(), IsEmpty());
    }
    EXPECT_THAT(world.used_twice, IsEmpty());
}

} // namespace
} // namespace authex::deployer
