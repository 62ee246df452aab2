// Modules that are removed while orders come late or disks are full.
#include "deployer/removal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_frames.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;

constexpr const char* nodes = R"(
application: pair
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
)";
constexpr const char* without = R"(
modules:
  first:  { node: left, sources: [first.cpp] }
)";
constexpr const char* with = R"(
modules:
  first:  { node: left,  sources: [first.cpp] }
  second: { node: right, sources: [second.cpp] }
connections:
  - { name: a, from: first.out, to: second.in }
  - { name: b, from: second.out, to: first.in }
)";
constexpr const char* moved = R"(
modules:
  first:  { node: left, sources: [first.cpp] }
  second: { node: left, sources: [second.cpp] }
connections:
  - { name: a, from: first.out, to: second.in }
  - { name: b, from: second.out, to: first.in }
)";

class RemovalTest : public testing::Test {
  protected:
    /// "ok", or the code of what went wrong last.
    std::string up(const char* modules, const Selection& selection = {}) {
        world.set_descriptor(std::string(nodes) + modules);
        const auto done = world.open()->up(selection);
        return done ? "ok" : done.error().back().code;
    }

    FakeWorld world{std::string(nodes) + with};
};

TEST_F(RemovalTest, AnOrderThatArrivesLateHitsNoLaterProcessOfTheName) {
    ASSERT_EQ(up(with), "ok");
    test::FakeNode& right = world.node("right");
    right.holds_removal = true;
    ASSERT_EQ(up(without), "node-unreachable");
    ASSERT_EQ(up(without), "ok");
    ASSERT_EQ(up(with), "ok");

    ASSERT_TRUE(right.held_removal);
    const auto late = test::call_of(right)->remove(*right.held_removal);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, "another-process");
    world.go("first");
    EXPECT_EQ(world.module("second").taken, 1U);
}

TEST_F(RemovalTest, AModuleThatItsNodeKeepsSaysNothingWhenAnotherOneTakesItsPlace) {
    ASSERT_EQ(up(with), "ok");
    test::FakeNode& right = world.node("right");
    right.removes_nothing = true;
    Selection afresh;
    afresh.afresh.all = true;
    EXPECT_EQ(up(moved, afresh), "store");
    ASSERT_TRUE(right.modules.contains("second"));
    world.go("first");
    EXPECT_EQ(world.node("left").modules.at("second").taken, 1U);

    test::FakeModule& kept = right.modules.at("second");
    const auto deployment = static_cast<std::uint16_t>(kept.spec.deployment());
    right.waiting.clear();
    (void)right.invoke(
        kept,
        test::frame_of(
            {.kind = wire::Kind::call, .deployment = deployment, .channel = test::fake_go}));
    EXPECT_TRUE(right.waiting.empty());
    right.removes_nothing = false;
    EXPECT_EQ(up(moved), "ok");
    EXPECT_FALSE(right.modules.contains("second"));
}

TEST_F(RemovalTest, AModuleThatComesBackToWhereItWasKeptAgainstOrdersBeginsThereAnew) {
    ASSERT_EQ(up(with), "ok");
    test::FakeNode& right = world.node("right");
    right.removes_nothing = true;
    Selection afresh;
    afresh.afresh.all = true;
    ASSERT_EQ(up(moved, afresh), "store");
    ASSERT_TRUE(right.modules.contains("second")) << "disabled";
    EXPECT_EQ(up(with, afresh), "ok");
    world.go("first");
    EXPECT_EQ(right.modules.at("second").taken, 1U);
}

TEST_F(RemovalTest, AModuleStaysWhereItsNodeCannotBeTold) {
    ASSERT_EQ(up(with), "ok");
    test::FakeNode& right = world.node("right");
    right.reachable = false;
    EXPECT_EQ(up(moved), "node-away");
    EXPECT_FALSE(world.node("left").modules.contains("second"));
    Selection afresh;
    afresh.afresh.modules = {"second"};
    EXPECT_EQ(up(moved, afresh), "node-unreachable");
    EXPECT_TRUE(world.node("left").modules.contains("second"));
    right.reachable = true;
    EXPECT_EQ(up(moved), "ok");
    EXPECT_FALSE(right.modules.contains("second"));
}

TEST_F(RemovalTest, AModuleThatWasCutOffGoesElsewhereWhereThatIsAskedFor) {
    ASSERT_EQ(up(with), "ok");
    world.node("right").reachable = false;
    (void)world.open()->disable("second"); // its peers are told
    Selection named;
    named.modules = {"second"};
    (void)up(moved, named);
    EXPECT_TRUE(world.node("left").modules.contains("second"));
}

TEST_F(RemovalTest, WhatIsNotThereIsRemoved) {
    ASSERT_EQ(up(without), "ok");
    const auto right = test::call_of(world.node("right"));
    const auto removed = remove_module(*right, 1, "second");
    EXPECT_TRUE(removed) << to_text(removed.error());
}

} // namespace
} // namespace authex::deployer
