// What the deployer asks of each node, and tells it, before anything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;

constexpr const char* descriptor = R"(
application: single
simulation: allowed
nodes:
  left: { tee: native, address: 127.0.0.1:6001 }
modules:
  one: { node: left, sources: [one.cpp] }
)";

TEST(Survey, NodeThatWasNotReachedIsToldWhatIsRevokedByTheNextCommand) {
    test::FakeWorld world(descriptor);
    world.revoked = {"41"};
    ASSERT_TRUE(world.open()->up({}));
    EXPECT_THAT(world.node("left").revoked, ElementsAre("41"));
}

TEST(Survey, NodeIsToldWhatIsRevokedHoweverMuchSomebodyElseHasRevokedThere) {
    test::FakeWorld world(descriptor);
    world.node("left").revoked = {"01", "02", "03"};
    world.revoked = {"41"};
    ASSERT_TRUE(world.open()->up({}));
    EXPECT_THAT(world.node("left").revoked, IsSupersetOf({"41"}));
}

} // namespace
} // namespace authex::deployer
