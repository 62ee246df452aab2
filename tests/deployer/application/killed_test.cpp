// A deployer that is killed anywhere goes on with `up`.
#include <gtest/gtest.h>

#include "world.hpp"

namespace authex::test {
namespace {

/// After whatever has happened: `up` works, and events flow from press to count, each once.
void expect_recovery(World& world) {
    auto again = world.application()->up({});
    ASSERT_TRUE(again) << problems(again);
    const auto application = world.application();
    const auto before = application->request("count", {});
    ASSERT_TRUE(before) << problems(before);
    for (int i = 0; i < 3; ++i) {
        const auto sent = application->output("press", {});
        ASSERT_TRUE(sent) << problems(sent);
    }
    const auto after = application->request("count", {});
    ASSERT_TRUE(after) << problems(after);
    // A press that was meant before the kill and not yet delivered goes along with the first of
    // these.
    const std::uint32_t more = Reader(*after).u32() - Reader(*before).u32();
    EXPECT_TRUE(more == 3 || more == 4) << more;
    const auto nothing = world.application()->plan({});
    ASSERT_TRUE(nothing) << problems(nothing);
    EXPECT_TRUE(nothing->empty());
}

/// Runs `work` with the deployer killed at the n-th call of a node. @return false: there was no
/// n-th call
template <typename Work>
bool killed_at_call(World& world, std::uint64_t n, bool after_effect, const Work& work) {
    world.network.calls = 0;
    world.network.killed_at = n;
    world.network.killed_after_effect = after_effect;
    bool killed = false;
    try {
        work(world);
    } catch (const Killed&) {
        killed = true;
    }
    world.network.killed_at = 0;
    return killed;
}

void all_of_life(World& world) {
    (void)world.application()->up({});
    (void)world.application()->output("press", {});
    (void)world.application()->request("count", {});
    world.change_code("first");
    (void)world.application()->up({});
    (void)world.application()->output("press", {});
    world.network.nodes.at("b")->restart_module("second");
    (void)world.application()->up({});
    (void)world.application()->output("press", {});
}

class KilledDeployer : public testing::TestWithParam<bool> {};

TEST_P(KilledDeployer, GoesOnAfterEachCallOfANode) {
    std::uint64_t kills = 0;
    for (std::uint64_t n = 1;; ++n) {
        World world;
        if (!killed_at_call(world, n, GetParam(), all_of_life)) {
            break;
        }
        ++kills;
        SCOPED_TRACE("killed at call " + std::to_string(n));
        expect_recovery(world);
        ASSERT_FALSE(HasFatalFailure());
    }
    EXPECT_GT(kills, 30U);
}
INSTANTIATE_TEST_SUITE_P(BeforeOrAfterItsEffect, KilledDeployer, testing::Bool());

TEST(KilledDeployer, GoesOnAfterEachTransaction) {
    std::uint64_t kills = 0;
    for (std::uint64_t n = 1;; ++n) {
        World world;
        std::uint64_t transactions = 0;
        bool killed = false;
        world.committed = [&] {
            if (++transactions == n) {
                throw Killed();
            }
        };
        try {
            all_of_life(world);
        } catch (const Killed&) {
            killed = true;
        }
        world.committed = nullptr;
        if (!killed) {
            break;
        }
        ++kills;
        SCOPED_TRACE("killed after transaction " + std::to_string(n));
        expect_recovery(world);
        ASSERT_FALSE(testing::Test::HasFatalFailure());
    }
    EXPECT_GT(kills, 10U);
}

} // namespace
} // namespace authex::test
