// Two deployers go on from one state: whatever they do, no key seals twice.     (docs/protocol.md)
#include "deployer/state_copy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deployer/application.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* copied_nodes = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first: { node: left,  sources: [first.cpp] }
  last:  { node: right, sources: [last.cpp] }
connections:
)";
constexpr const char* connections = R"(
  - { name: a, from: first.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
  - { name: ask, direct: true, to: last.answer }
)";

class StateCopy : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(world.open()->up({}));
        poke();
        original = world.database;
        copied = copy();
    }
    void TearDown() override { EXPECT_THAT(world.used_twice, IsEmpty()); }

    std::shared_ptr<Database> copy() {
        const auto state = State::open(world.database);
        auto made = copy_without_keys(**state);
        EXPECT_TRUE(made) << to_text(made.error());
        return made ? *made : nullptr;
    }
    std::vector<std::string> up() {
        const auto done = world.open()->up({});
        std::vector<std::string> words;
        if (!done) {
            for (const Diagnostic& problem : done.error()) {
                words.push_back(problem.code);
            }
            return words;
        }
        for (const PlannedStep& step : done->steps) {
            words.push_back(step.action + " " + step.subject);
        }
        return words;
    }
    void poke() { EXPECT_TRUE(world.open()->output("poke", {})); }
    bool pokes() { return world.open()->output("poke", {}).has_value(); }
    std::uint64_t taken() { return world.module("last").taken; }
    std::uint32_t epoch(const std::string& name) {
        const auto state = State::open(world.database);
        const ConnectionRecord* record = (*state)->connection(name);
        return record == nullptr ? 0 : record->epoch;
    }
    void here() { world.database = original; }
    void there() { world.database = copied; }

    FakeWorld world{std::string(copied_nodes) + connections};
    std::shared_ptr<Database> original;
    std::shared_ptr<Database> copied;
};

// P61
TEST_F(StateCopy, KnowsHowOftenGeneratedSecretsWereTurned) {
    Change change;
    change.turned["first/token"] = 7;
    ASSERT_TRUE((*State::open(original))->commit(change));
    EXPECT_THAT((*State::open(copy()))->turned(), UnorderedElementsAre(Pair("first/token", 7U)));
}

TEST_F(StateCopy, HasNoKeyThatSeals) {
    const auto state = State::open(copied);
    for (const auto& [id, connection] : (*state)->connections()) {
        EXPECT_TRUE(connection.key.empty()) << connection.name;
        EXPECT_TRUE(connection.pending.empty());
        EXPECT_EQ(connection.next_counter, 0U);
        EXPECT_EQ(connection.complete, !connection.direct());
    }
    for (const auto& [name, module] : (*state)->modules()) {
        EXPECT_TRUE(module.session.empty()) << name;
        EXPECT_EQ(module.attested_at_us, 0U);
    }
    EXPECT_NE((*state)->deployment(), 0U);
}

// P62
TEST_F(StateCopy, GoesOnWithoutLoadingAnythingOrTurningWhatModulesHave) {
    there();
    EXPECT_THAT(up(),
                UnorderedElementsAre("attest first", "attest last", "connect poke", "connect ask"));
    EXPECT_EQ(epoch("a"), 1U) << "its frames are not dropped";
    EXPECT_EQ(epoch("poke"), 2U);
    const std::uint64_t before = taken();
    poke();
    EXPECT_EQ(taken(), before + 1);
    EXPECT_THAT(up(), IsEmpty());
}

// P63
TEST_F(StateCopy, TheOldMachineIsRefusedAndSaysWhy) {
    there();
    up();
    poke();
    here();
    const std::uint64_t before = taken();
    EXPECT_FALSE(pokes());
    EXPECT_EQ(taken(), before);
    (void)world.open()->status();
    EXPECT_THAT(up(), Contains("state-superseded"));
    EXPECT_THAT(up(), Contains("state-superseded")) << "also when it tries again";
}

TEST_F(StateCopy, TheOldMachineIsRefusedAlsoIfItDoesNotLookFirst) {
    there();
    up();
    here();
    for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(up(), Not(IsEmpty()));
    }
    EXPECT_THAT(up(), Contains("state-superseded"));
    EXPECT_FALSE(pokes());
}

TEST_F(StateCopy, GoesPastEpochsThatWereTurnedAfterIt) {
    Selection turn;
    turn.turn_epoch = true;
    ASSERT_TRUE(world.open()->up(turn));
    ASSERT_TRUE(world.open()->up(turn));
    there();
    up();
    EXPECT_EQ(epoch("a"), 4U);
    EXPECT_GT(epoch("poke"), 3U);
    const std::uint64_t before = taken();
    poke();
    EXPECT_EQ(taken(), before + 1);
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(StateCopy, TakesAModuleThatWasRestartedAfterItForWhatItIs) {
    world.restart("first");
    ASSERT_TRUE(world.open()->up({}));
    there();
    up();
    poke();
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(StateCopy, RemovesConnectionsThatWereMadeAfterIt) {
    world.set_descriptor(std::string(copied_nodes) + connections +
                         "  - { name: more, from: first.out, to: last.relay }\n");
    ASSERT_TRUE(world.open()->up({}));
    world.set_descriptor(std::string(copied_nodes) + connections);
    there();
    EXPECT_THAT(up(), Contains("disconnect channel 4"));
    const std::uint64_t before = taken();
    poke();
    EXPECT_EQ(taken(), before + 1) << "only the one connection is left";
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(StateCopy, AnUpdateContinuesNothingUnderAKeyThatACopyDoesNotKnow) {
    there();
    up();
    world.change_code("last");
    EXPECT_THAT(up(), Contains("connect a"));
    EXPECT_EQ(epoch("a"), 2U);
    const std::uint64_t before = taken();
    poke();
    EXPECT_EQ(taken(), before + 1);
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(StateCopy, ATurnThatWasNotFinishedIsKeyedAnew) {
    Selection turn{.load = false,
                   .attest = false,
                   .register_periodic = false,
                   .remove_stale = false,
                   .connections = {"a"},
                   .turn_keys = true};
    for (int place = 1; place < 12; ++place) {
        here();
        world.fuse = place;
        const bool survived = world.survives([&] { (void)world.open()->up(turn); });
        world.fuse = -1;
        copied = copy();
        there();
        up();
        const std::uint64_t before = taken();
        poke();
        EXPECT_EQ(taken(), before + 1) << "killed at place " << place;
        EXPECT_THAT(up(), IsEmpty()) << "killed at place " << place;
        if (survived) {
            break;
        }
        original = copy();
        here();
        up();
    }
}

TEST_F(StateCopy, OfAnUnfinishedConnectionIsKeyedAnew) {
    world.set_descriptor(std::string(copied_nodes) + connections +
                         "  - { name: more, from: first.out, to: last.relay }\n");
    for (int place = 1; place < 12; ++place) {
        here();
        world.fuse = place;
        if (world.survives([&] { (void)world.open()->up({}); })) {
            break;
        }
        world.fuse = -1;
        copied = copy();
        there();
        up();
        poke();
        EXPECT_THAT(up(), IsEmpty()) << "killed at place " << place;
        original = copy(); // as if it came back
    }
    world.fuse = -1;
}

TEST_F(StateCopy, TwoThatTakeTurnsNeverSealTwiceUnderOneKey) {
    for (int round = 0; round < 4; ++round) {
        here();
        (void)up();
        (void)pokes();
        (void)pokes();
        there();
        (void)up();
        (void)pokes();
        (void)world.open()->request("ask", {});
        if (round == 2) {
            world.restart("last");
        }
    }
    there();
    (void)copy();
}

TEST_F(StateCopy, OfACopyTakesTheApplicationBack) {
    there();
    up();
    here();
    (void)up();
    copied = copy(); // what authex export and restore --replace do on one machine
    there();
    up();
    poke();
    EXPECT_THAT(up(), IsEmpty());
}

TEST_F(StateCopy, AGivenKeyOfADirectConnectionIsNotTakenAgain) {
    world.set_descriptor(std::string(copied_nodes) + connections +
                         "  - { name: given, direct: true, to: last.in, key: "
                         "\"000102030405060708090a0b0c0d0e0f\" }\n");
    ASSERT_TRUE(world.open()->up({}));
    ASSERT_TRUE(world.open()->output("given", {}));
    copied = copy();
    there();
    EXPECT_THAT(up(), Contains("key-used"));
}

TEST_F(StateCopy, AGivenKeyBetweenModulesStays) {
    world.set_descriptor(std::string(copied_nodes) +
                         "  - { name: a, from: first.out, to: last.in, key: "
                         "\"000102030405060708090a0b0c0d0e0f\" }\n" +
                         "  - { name: poke, direct: true, to: first.relay }\n");
    ASSERT_TRUE(world.open()->up({}));
    copied = copy();
    there();
    EXPECT_THAT(up(), Not(Contains("connect a")));
    const std::uint64_t before = taken();
    poke();
    EXPECT_EQ(taken(), before + 1);
}

} // namespace
} // namespace authex::deployer
