// Modules that come back where deployers and connections do less than usual.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::IsEmpty;

/// One that gets another key only with a new epoch.
TEST(RestoringOneKey, AnOldStateIsRefusedToo) {
    std::string keyed = test::chain();
    keyed.replace(
        keyed.find("to: last.in }"), 13, "to: last.in, key: 000102030405060708090a0b0c0d0e0f }");
    FakeWorld world{keyed};
    ASSERT_TRUE(world.open()->up({}));
    world.go("first");
    const auto old = world.module("middle").kept_state;
    world.go("first");
    world.crash("middle");
    world.module("middle").kept_state = old;
    const auto refused = world.open()->up({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().at(0).code, "state-rolled-back");
}

/// It dies when it is the module and nobody has told it to go on; that the next one is another
/// process is seen late, when a call is lost meanwhile.
TEST(RestoringFaults, AModuleThatDiesBeforeItsUpdateIsFinishedIsNotToldToBegin) {
    for (int place = 1, unfinished = 0; unfinished == 0; ++place) {
        for (int loss = 1, lost = 1; lost != 0; ++loss) {
            SCOPED_TRACE(testing::Message() << place << ' ' << loss);
            FakeWorld world{test::chain()};
            ASSERT_TRUE(world.open()->up({}));
            world.go("first");
            world.change_code("middle");
            world.fuse = place;
            ASSERT_FALSE(world.survives([&] { (void)world.open()->up({}); }));
            world.fuse = -1;
            const auto modules = (*State::open(world.database))->modules();
            if (std::none_of(modules.begin(), modules.end(), [](const auto& each) {
                    return each.second.going;
                })) {
                break; // the instance before is the module still
            }
            ++unfinished;
            world.crash("middle");
            world.loss = loss;
            (void)world.open()->up({});
            lost = world.loss > 0 ? 0 : 1;
            world.loss = -1;
            const auto done = world.open()->up({});
            ASSERT_TRUE(done) << to_text(done.error().at(0));
            world.pump();
            world.go("first");
            ASSERT_EQ(world.module("middle").taken, 2U);
            ASSERT_EQ(world.module("last").taken, 2U);
            ASSERT_THAT(world.used_twice, IsEmpty());
        }
    }
}

} // namespace
} // namespace authex::deployer
