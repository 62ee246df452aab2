// Modules that do not prove what they are any more, and modules that are to be left out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* quarantine_chain = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
  far:   { tee: native, address: 127.0.0.1:6003 }
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp] }
  driver: { node: far,   sources: [driver.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: driver.in }
  - { name: poke, direct: true, to: middle.relay }
)";

class QuarantineTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(world.open()->up({})); }
    void TearDown() override { EXPECT_THAT(world.used_twice, IsEmpty()); }

    std::vector<std::string> attest(const std::vector<std::string>& modules = {}) {
        return codes(world.open()->up({.load = false,
                                       .connect = false,
                                       .register_periodic = false,
                                       .remove_stale = false,
                                       .modules = modules,
                                       .attest_again = true}));
    }
    template <typename T>
    static std::vector<std::string> codes(const Outcome<T>& outcome) {
        std::vector<std::string> all;
        for (const Diagnostic& each : outcome ? std::vector<Diagnostic>() : outcome.error()) {
            all.push_back(each.code);
        }
        return all;
    }
    std::string state_of(const std::string& name) {
        const auto status = world.open()->status();
        for (const ModuleStatus& each : status ? status->modules : std::vector<ModuleStatus>()) {
            if (each.name == name) {
                return each.state;
            }
        }
        return "";
    }
    /// The node answers for another image from now on.
    void corrupt(const std::string& module) { world.module(module).identity[0] ^= 1U; }
    /// Whether the module itself still has a connection that another one sends or takes on.
    std::size_t connections_of(const std::string& module) {
        std::size_t count = 0;
        const auto state = State::open(world.database);
        for (const auto& [id, connection] : (*state)->connections()) {
            const bool ends_there =
                connection.from.module == module || connection.to.module == module;
            count += ends_there && connection.complete ? 1 : 0;
        }
        return count;
    }
    std::uint64_t driver_takes() {
        const std::uint64_t before = world.module("driver").taken;
        world.go("middle");
        world.go("first");
        return world.module("driver").taken - before;
    }

    FakeWorld world{quarantine_chain};
};

TEST_F(QuarantineTest, ARefusedReattestationCutsTheModuleOffFromAllOthers) {
    ASSERT_EQ(driver_takes(), 2U);
    corrupt("middle");
    EXPECT_THAT(attest(), ElementsAre("evidence-identity", "quarantined"));
    EXPECT_EQ(state_of("middle"), "quarantined");
    EXPECT_EQ(driver_takes(), 0U) << "whatever the module still sends";
    EXPECT_EQ(connections_of("middle"), 0U);
}

TEST_F(QuarantineTest, SendsTheDriversBehindItToTheirSafeStates) {
    corrupt("first");
    const std::uint64_t before = world.module("driver").taken;
    EXPECT_THAT(attest({"first"}), Contains("quarantined"));
    EXPECT_EQ(world.module("driver").taken, before + 1)
        << "over the module between, and over nothing that it could withhold";
}

TEST_F(QuarantineTest, LeavesDriversThatNoneOfItsEventsReach) {
    corrupt("driver");
    EXPECT_THAT(attest({"driver"}), Contains("quarantined"));
    EXPECT_THAT(world.calls, Not(Contains(HasSubstr("far deliver"))));
    EXPECT_EQ(driver_takes(), 0U);
}

TEST_F(QuarantineTest, NamesADriverThatCouldNotBeTold) {
    corrupt("first");
    world.node("far").reachable = false;
    EXPECT_THAT(attest({"first"}), Contains("safe-state"));
}

TEST_F(QuarantineTest, IsNotForAModuleThatDoesNotAnswer) {
    world.node("right").reachable = false;
    EXPECT_THAT(attest(), ElementsAre("node-unreachable"));
    world.node("right").reachable = true;
    EXPECT_EQ(state_of("middle"), "running");
    EXPECT_EQ(driver_takes(), 2U);
}

TEST_F(QuarantineTest, IsNotForAFirstAttestation) {
    world.change_code("middle");
    world.warnings.clear();
    ASSERT_TRUE(world.open()->up({.attest = false, .connect = false}));
    corrupt("middle");
    EXPECT_THAT(codes(world.open()->up({})), Not(Contains("quarantined")));
}

TEST_F(QuarantineTest, StaysUntilTheOwnerAttestsTheModuleByItsName) {
    corrupt("middle");
    (void)attest();
    corrupt("middle"); // it is what it was
    EXPECT_TRUE(world.open()->up({}));
    EXPECT_EQ(state_of("middle"), "quarantined");
    EXPECT_THAT(attest(), IsEmpty());
    EXPECT_EQ(state_of("middle"), "quarantined") << "not by the way";
    EXPECT_THAT(attest({"middle"}), IsEmpty());
    EXPECT_EQ(state_of("middle"), "running");
    EXPECT_EQ(driver_takes(), 0U) << "it has no keys yet";
    EXPECT_TRUE(world.open()->up({}));
    EXPECT_EQ(driver_takes(), 2U);
}

TEST_F(QuarantineTest, EndsWhenTheModuleIsDeployedAnew) {
    corrupt("middle");
    (void)attest();
    EXPECT_TRUE(world.open()->up({.modules = {"middle"}}));
    EXPECT_EQ(driver_takes(), 2U);
}

TEST_F(QuarantineTest, ReachesAPeerThatWasAwayAsSoonAsItIsBack) {
    corrupt("middle");
    world.node("far").reachable = false;
    EXPECT_THAT(attest({"middle"}), Contains("quarantined"));
    world.node("far").reachable = true;
    EXPECT_EQ(driver_takes(), 1U) << "it still has a key: nobody could tell it";
    const auto plan = world.open()->plan({});
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->steps.size(), 1U);
    EXPECT_EQ(plan->steps[0].action + " " + plan->steps[0].subject, "cut off b");
    EXPECT_TRUE(world.open()->up({}));
    EXPECT_EQ(driver_takes(), 0U);
    EXPECT_TRUE(world.open()->plan({})->empty());
}

TEST_F(QuarantineTest, SurvivesADeployerThatIsKilledAnywhere) {
    for (int fuse = 1;; ++fuse) {
        FakeWorld again(quarantine_chain);
        ASSERT_TRUE(again.open()->up({}));
        again.module("middle").identity[0] ^= 1U;
        again.fuse = fuse;
        const bool survived = again.survives([&] {
            (void)again.open()->up({.load = false,
                                    .connect = false,
                                    .register_periodic = false,
                                    .remove_stale = false,
                                    .attest_again = true});
        });
        again.fuse = -1;
        (void)again.open()->up({.load = false,
                                .connect = false,
                                .register_periodic = false,
                                .remove_stale = false,
                                .attest_again = true});
        ASSERT_TRUE(again.open()->up({}));
        const std::uint64_t before = again.module("driver").taken;
        again.go("middle");
        ASSERT_EQ(again.module("driver").taken, before) << "killed at place " << fuse;
        ASSERT_THAT(again.used_twice, IsEmpty());
        if (survived) {
            break;
        }
    }
}

TEST_F(QuarantineTest, ADisabledModuleOutOfReachIsCutOffByItsPeers) {
    world.node("right").reachable = false;
    EXPECT_TRUE(world.open()->disable("middle"));
    EXPECT_THAT(world.warnings, Contains(testing::Field(&Diagnostic::code, "module-not-told")));
    world.node("right").reachable = true;
    EXPECT_EQ(driver_takes(), 0U);
    EXPECT_TRUE(world.open()->up({}));
    EXPECT_EQ(driver_takes(), 0U);
}

TEST_F(QuarantineTest, OfADisabledModuleWithinReachNothingIsLeftToTell) {
    EXPECT_TRUE(world.open()->disable("middle"));
    EXPECT_TRUE(world.open()->plan({})->empty());
    EXPECT_EQ(driver_takes(), 0U);
}

} // namespace
} // namespace authex::deployer
