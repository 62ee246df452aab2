// The deployer is killed at every place where it speaks to a node or to its disk, once each, and
// a new one goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;

constexpr const char* before = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
  - { name: ask,  direct: true, to: last.answer }
periodic:
  - { name: tick, module: first, entry: go, every: 1s }
)";
/// Another connection, another node for `middle`, no periodic event.
constexpr const char* after = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left, sources: [first.cpp] }
  middle: { node: left, sources: [middle.cpp] }
  last:   { node: left, sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.relay }
  - { name: poke, direct: true, to: first.relay }
)";

void expect_up(FakeWorld& world) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto done = world.open()->up({});
        if (done) {
            break;
        }
        ASSERT_EQ(attempt, 0) << to_text(done.error().at(0));
    }
    const auto again = world.open()->plan({});
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->empty()) << again->steps.at(0).action << " " << again->steps.at(0).subject
                                << ": " << again->steps.at(0).reason;
    const std::uint64_t taken = world.module("last").taken;
    world.go("first");
    world.go("first");
    EXPECT_EQ(world.module("last").taken, taken + 2);
    ASSERT_TRUE(world.open()->output("poke", {}));
    EXPECT_THAT(world.used_twice, testing::IsEmpty());
}

/// Runs `work` in fresh worlds, killed at its first place, its second, and so on to its end.
template <typename Prepare, typename Work>
void kill_everywhere(const Prepare& prepare, const Work& work) {
    int killed = 0;
    for (int place = 1;; ++place) {
        SCOPED_TRACE(testing::Message() << "killed at place " << place);
        FakeWorld world(before);
        prepare(world);
        world.fuse = place;
        const bool survived = world.survives([&] { work(world); });
        world.fuse = -1;
        killed += survived ? 0 : 1;
        expect_up(world);
        if (survived || testing::Test::HasFailure()) {
            break;
        }
    }
    EXPECT_TRUE(testing::Test::HasFailure() || killed > 3) << killed << " places";
}

TEST(KilledDeployer, GoesOnWithAFirstUp) {
    kill_everywhere([](FakeWorld&) {}, [](FakeWorld& world) { (void)world.open()->up({}); });
}

TEST(KilledDeployer, GoesOnWithAChangedDescriptor) {
    kill_everywhere(
        [](FakeWorld& world) {
            ASSERT_TRUE(world.open()->up({}));
            world.change_code("last");
            world.set_descriptor(after);
        },
        [](FakeWorld& world) { (void)world.open()->up({}); });
}

TEST(KilledDeployer, GoesOnAfterARestartedModule) {
    kill_everywhere(
        [](FakeWorld& world) {
            ASSERT_TRUE(world.open()->up({}));
            world.go("first");
            world.restart("middle");
        },
        [](FakeWorld& world) { (void)world.open()->up({}); });
}

TEST(KilledDeployer, GoesOnWithNewEpochsUnderLoad) {
    kill_everywhere(
        [](FakeWorld& world) {
            ASSERT_TRUE(world.open()->up({}));
            world.go("first");
        },
        [](FakeWorld& world) {
            Selection selection;
            selection.turn_epoch = true;
            (void)world.open()->up(selection);
        });
}

TEST(KilledDeployer, GoesOnWithAttestingAgain) {
    kill_everywhere([](FakeWorld& world) { ASSERT_TRUE(world.open()->up({})); },
                    [](FakeWorld& world) {
                        Selection selection;
                        selection.attest_again = true;
                        (void)world.open()->up(selection);
                    });
}

/// What was unfinished on the node that a reset did not reach was meant for modules that are gone.
TEST(KilledDeployer, SaysNoKeyAgainToAModuleThatWasLoadedAfterHalfAReset) {
    for (const char* away : {"left", "right"}) {
        SCOPED_TRACE(away);
        kill_everywhere([](FakeWorld&) {},
                        [away](FakeWorld& world) {
                            const bool survived =
                                world.survives([&] { (void)world.open()->up({}); });
                            world.fuse = -1;
                            for (const auto& [name, node] : world.nodes) {
                                for (auto& [called, module] : node->modules) {
                                    world.go(called);
                                }
                            }
                            world.node(away).reachable = false;
                            (void)world.open()->reset();
                            (void)world.open()->up({});
                            world.node(away).reachable = true;
                            if (!survived) {
                                throw test::Killed{};
                            }
                        });
    }
}

/// An unfinished key must not reach a process that it was not made for, whatever the node says.
TEST(KilledDeployer, SaysNoKeyAgainToAModuleThatSecretlyRestarted) {
    for (const char* module : {"first", "middle", "last"}) {
        SCOPED_TRACE(module);
        kill_everywhere([](FakeWorld& world) { ASSERT_TRUE(world.open()->up({})); },
                        [module](FakeWorld& world) {
                            Selection selection;
                            selection.turn_epoch = true;
                            const bool survived =
                                world.survives([&] { (void)world.open()->up(selection); });
                            world.fuse = -1;
                            world.go("first");
                            world.node("left").hides_restarts = true;
                            world.node("right").hides_restarts = true;
                            world.restart(module);
                            for (int i = 0; i < 3; ++i) {
                                (void)world.open()->status();
                                (void)world.open()->up({});
                            }
                            if (!survived) {
                                throw test::Killed{};
                            }
                        });
    }
}

TEST(KilledDeployer, SendsEachMessageOnceAtMost) {
    kill_everywhere([](FakeWorld& world) { ASSERT_TRUE(world.open()->up({})); },
                    [](FakeWorld& world) {
                        (void)world.open()->output("poke", {});
                        const std::vector<std::uint8_t> question{1};
                        (void)world.open()->request("ask", question);
                        (void)world.open()->status();
                    });
}

TEST(KilledDeployer, GoesOnAfterResetAndDown) {
    kill_everywhere([](FakeWorld& world) { ASSERT_TRUE(world.open()->up({})); },
                    [](FakeWorld& world) { (void)world.open()->reset(); });
    kill_everywhere([](FakeWorld& world) { ASSERT_TRUE(world.open()->up({})); },
                    [](FakeWorld& world) { (void)world.open()->down(); });
}

TEST(KilledDeployer, GoesOnWhenANodeVanishesAtAnyPlace) {
    for (int place = 1;; ++place) {
        SCOPED_TRACE(testing::Message() << "a node vanishes after " << place);
        FakeWorld world(before);
        world.fuse = place;
        const bool survived = world.survives([&] { (void)world.open()->up({}); });
        world.fuse = -1;
        world.node("right").reachable = false;
        EXPECT_FALSE(world.open()->up({}));
        world.node("right").reachable = true;
        expect_up(world);
        if (survived || testing::Test::HasFailure()) {
            break;
        }
    }
}

} // namespace
} // namespace authex::deployer
