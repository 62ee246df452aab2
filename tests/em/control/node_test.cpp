#include "em/control/node.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

template <typename T>
std::string code(const Expected<T>& result) {
    return result ? "ok" : result.error().code;
}

tee::ModuleSpec
spec(const std::string& name, std::uint8_t image = 1, std::uint16_t deployment = 1) {
    tee::ModuleSpec made{.name = name, .deployment = deployment};
    made.image_sha256.fill(image);
    return made;
}

NodeLimits small() {
    return {.deployments = 2, .modules = 2, .routes = 2, .periodic = 1, .image_bytes = 100};
}

class NodeTest : public testing::Test {
  protected:
    NodeTest() { EXPECT_EQ(code(node.hello("alice", 1, "app")), "ok"); }
    Node node{small()};
    Route route(std::uint16_t channel) {
        return {.deployment = 1, .channel = channel, .destination_module = "a", .direct = true};
    }
};

TEST_F(NodeTest, DeploymentIsOfTheFirstWhoSaysHello) {
    EXPECT_EQ(code(node.hello("bob", 1, "app")), "deployment-taken");
    EXPECT_EQ(code(node.authorize("bob", 1)), "not-owner");
    EXPECT_EQ(code(node.hello("alice", 1, "app")), "ok");
    EXPECT_EQ(code(node.authorize("alice", 1)), "ok");
}

TEST_F(NodeTest, DeploymentNeedsAHello) {
    EXPECT_EQ(code(node.authorize("alice", 2)), "no-hello");
}

TEST_F(NodeTest, RefusesIdsThatAreNone) {
    for (const std::uint32_t id : {0U, 65'536U, ~0U}) {
        EXPECT_EQ(code(node.hello("alice", id, "")), "bad-request") << id;
        EXPECT_EQ(code(node.authorize("alice", id)), "bad-request") << id;
    }
    EXPECT_EQ(code(node.hello("alice", 65'535, "")), "ok");
}

TEST_F(NodeTest, RefusesMoreDeploymentsThanItsLimit) {
    EXPECT_EQ(code(node.hello("alice", 2, "")), "ok");
    EXPECT_EQ(code(node.hello("alice", 3, "")), "limit");
    node.reset(2);
    EXPECT_EQ(code(node.hello("alice", 3, "")), "ok");
}

TEST_F(NodeTest, ResetLetsTheNextHelloTakeTheDeployment) {
    node.reset(1);
    EXPECT_EQ(code(node.authorize("alice", 1)), "ok");
    EXPECT_EQ(code(node.hello("bob", 1, "")), "ok");
    EXPECT_EQ(code(node.authorize("alice", 1)), "not-owner");
}

TEST_F(NodeTest, UseAfterResetKeepsTheDeployment) {
    node.reset(1);
    EXPECT_TRUE(node.hold(1));
    EXPECT_FALSE(node.hold(1));
    EXPECT_EQ(code(node.hello("bob", 1, "")), "deployment-taken");
}

TEST_F(NodeTest, RefusesNamesThatAreNoFolders) {
    for (const char* name : {"",
                             ".",
                             "..",
                             "../a",
                             "a/b",
                             "A",
                             "1a",
                             "-a",
                             "a b",
                             "a.b",
                             "a.",
                             ".2",
                             "a.2.3",
                             "a.-2",
                             "a.1234567890",
                             "\xC3\xA4",
                             "a\n"}) {
        EXPECT_EQ(code(node.plan_load(spec(name), 1, false)), "bad-name") << name;
    }
    EXPECT_EQ(code(node.plan_load(spec(std::string(64, 'a')), 1, false)), "bad-name");
    EXPECT_EQ(code(node.plan_load(spec(std::string(63, 'a')), 1, false)), "ok");
    EXPECT_EQ(code(node.plan_load(spec("a-1_b"), 1, false)), "ok");
    EXPECT_EQ(code(node.plan_load(spec("a.2"), 1, false)), "ok") << "a later instance";
    EXPECT_EQ(code(node.plan_load(spec(std::string(63, 'a') + ".123456789"), 1, false)), "ok");
    EXPECT_EQ(code(node.plan_load(spec(std::string(64, 'a') + ".2"), 1, false)), "bad-name");
}

TEST_F(NodeTest, RefusesImagesOutsideItsLimits) {
    EXPECT_EQ(code(node.plan_load(spec("a"), 0, false)), "image-too-large");
    EXPECT_EQ(code(node.plan_load(spec("a"), 1, false)), "ok");
    EXPECT_EQ(code(node.plan_load(spec("a"), 100, false)), "ok");
    EXPECT_EQ(code(node.plan_load(spec("a"), 101, false)), "image-too-large");
}

TEST_F(NodeTest, RefusesMoreModulesThanItsLimit) {
    node.starting(spec("a"), 1, 0);
    node.starting(spec("b"), 1, 0);
    EXPECT_EQ(code(node.plan_load(spec("c"), 1, false)), "limit");
    EXPECT_EQ(code(node.plan_load(spec("a", 2), 1, true)), "ok");
}

TEST_F(NodeTest, PlansALoadByWhatIsThere) {
    EXPECT_EQ(*node.plan_load(spec("a"), 1, false), LoadPlan::receive);
    const std::uint32_t instance = node.starting(spec("a"), 1, 0).instance;
    EXPECT_EQ(*node.plan_load(spec("a"), 1, false), LoadPlan::nothing);
    node.running({1, "a"}, instance);
    EXPECT_EQ(*node.plan_load(spec("a"), 1, false), LoadPlan::nothing);
    EXPECT_EQ(code(node.plan_load(spec("a", 2), 1, false)), "module-differs");
    EXPECT_EQ(*node.plan_load(spec("a", 2), 1, true), LoadPlan::receive);
    node.stopped({1, "a"});
    EXPECT_EQ(*node.plan_load(spec("a"), 1, false), LoadPlan::start);
    EXPECT_EQ(*node.plan_load(spec("a", 2), 1, false), LoadPlan::receive);
}

TEST_F(NodeTest, TakesOtherStackOrDevicesForAnotherModule) {
    node.starting(spec("a"), 1, 0);
    tee::ModuleSpec other = spec("a");
    other.stack_bytes = 4096;
    EXPECT_EQ(code(node.plan_load(other, 1, false)), "module-differs");
    other = spec("a");
    other.devices = {"led0"};
    EXPECT_EQ(code(node.plan_load(other, 1, false)), "module-differs");
}

TEST_F(NodeTest, ModuleGoesThroughItsStates) {
    EXPECT_EQ(node.starting(spec("a"), 7, 42).state, ModuleState::starting);
    EXPECT_EQ(node.running({1, "a"}, 1)->state, ModuleState::running);
    const Module* failed = node.failed({1, "a"}, 1, "exit status 3", {"last"});
    EXPECT_EQ(failed->state, ModuleState::failed);
    EXPECT_EQ(failed->failure, "exit status 3");
    EXPECT_EQ(failed->last_lines, std::vector<std::string>{"last"});
    const Module& again = node.starting(spec("a"), 7, 43);
    EXPECT_EQ(again.state, ModuleState::starting);
    EXPECT_EQ(again.instance, 2U);
    EXPECT_TRUE(again.failure.empty());
    EXPECT_TRUE(again.last_lines.empty());
    EXPECT_EQ(node.stopped({1, "a"})->state, ModuleState::stopped);
}

TEST_F(NodeTest, IgnoresWhatAnEarlierInstanceDid) {
    node.starting(spec("a"), 1, 0);
    node.failed({1, "a"}, 1, "gone", {});
    node.starting(spec("a"), 1, 0);
    EXPECT_EQ(node.failed({1, "a"}, 1, "late", {}), nullptr);
    EXPECT_EQ(node.running({1, "a"}, 1), nullptr);
    EXPECT_EQ(node.module({1, "a"})->state, ModuleState::starting);
}

TEST_F(NodeTest, EndedModuleDoesNotFailOrRun) {
    node.starting(spec("a"), 1, 0);
    node.stopped({1, "a"});
    EXPECT_EQ(node.failed({1, "a"}, 1, "late", {}), nullptr);
    EXPECT_EQ(node.running({1, "a"}, 1), nullptr);
    EXPECT_EQ(node.module({1, "a"})->state, ModuleState::stopped);
}

TEST_F(NodeTest, RefusesRoutesWhoseEndsAreNotSaidRightly) {
    node.starting(spec("a"), 1, 0);
    const auto refused = [&](Route route) {
        route.deployment = 1;
        return code(node.check_route(route));
    };
    EXPECT_EQ(refused({.channel = 0, .destination_module = "a", .direct = true}), "bad-request");
    EXPECT_EQ(refused({.channel = 1}), "bad-request");
    EXPECT_EQ(refused({.channel = 1, .destination_module = "a"}), "bad-request");
    EXPECT_EQ(refused({.channel = 1, .source_module = "a"}), "bad-request");
    EXPECT_EQ(refused({.channel = 1, .source_address = "x:1", .destination_address = "y:1"}),
              "bad-request");
    EXPECT_EQ(
        refused({.channel = 1, .source_module = "a", .destination_module = "a", .direct = true}),
        "bad-request");
    EXPECT_EQ(refused({.channel = 1,
                       .source_module = "a",
                       .destination_module = "a",
                       .destination_address = "y:1"}),
              "bad-request");
    EXPECT_EQ(
        refused({.channel = 1, .source_module = "a", .destination_address = std::string(301, 'y')}),
        "bad-request");
    EXPECT_EQ(refused({.channel = 1, .destination_module = "b", .direct = true}), "unknown-module");
    EXPECT_EQ(refused({.channel = 1, .source_module = "a", .destination_address = "y:1"}), "ok");
    EXPECT_EQ(refused({.channel = 1, .destination_module = "a", .source_address = "y:1"}), "ok");
}

TEST_F(NodeTest, RefusesMoreRoutesThanItsLimitButReplacesThem) {
    node.starting(spec("a"), 1, 0);
    node.set_route(route(1));
    node.set_route(route(2));
    EXPECT_EQ(code(node.check_route(route(3))), "limit");
    EXPECT_EQ(code(node.check_route(route(2))), "ok");
}

TEST_F(NodeTest, PeriodicEventIsOneOfItsName) {
    node.starting(spec("a"), 1, 0);
    const Periodic periodic{.name = "tick", .module = {1, "a"}, .entry = 1, .every_us = 1000};
    EXPECT_TRUE(*node.check_periodic(periodic));
    node.set_periodic(periodic);
    EXPECT_FALSE(*node.check_periodic(periodic));
    Periodic other = periodic;
    other.every_us = 2000;
    EXPECT_EQ(code(node.check_periodic(other)), "duplicate-name");
    other.name = "tock";
    EXPECT_EQ(code(node.check_periodic(other)), "limit");
}

TEST_F(NodeTest, RefusesPeriodicEventsThatCannotBe) {
    node.starting(spec("a"), 1, 0);
    const Periodic good{.name = "tick", .module = {1, "a"}, .entry = 1, .every_us = 100};
    EXPECT_EQ(code(node.check_periodic(good)), "ok");
    Periodic bad = good;
    bad.name = "";
    EXPECT_EQ(code(node.check_periodic(bad)), "bad-name");
    bad.name = std::string(64, 'a');
    EXPECT_EQ(code(node.check_periodic(bad)), "bad-name");
    bad = good;
    bad.every_us = 99;
    EXPECT_EQ(code(node.check_periodic(bad)), "bad-period");
    bad = good;
    bad.module.name = "b";
    EXPECT_EQ(code(node.check_periodic(bad)), "unknown-module");
    bad.module = {2, "a"};
    EXPECT_EQ(code(node.check_periodic(bad)), "unknown-module");
}

TEST_F(NodeTest, ResetForgetsOneDeploymentOnly) {
    ASSERT_EQ(code(node.hello("bob", 2, "")), "ok");
    node.starting(spec("a"), 1, 0);
    node.starting(spec("a", 1, 2), 1, 0);
    node.set_route(route(1));
    Route other = route(1);
    other.deployment = 2;
    node.set_route(other);
    node.reset(1);
    EXPECT_TRUE(node.modules(1).empty());
    EXPECT_TRUE(node.routes(1).empty());
    EXPECT_EQ(node.modules(2).size(), 1U);
    EXPECT_EQ(node.routes(2).size(), 1U);
}

TEST_F(NodeTest, RestoredModulesAreStartingUntilTheyAnswer) {
    NodeRecords records;
    for (const auto state : {ModuleState::running, ModuleState::stopped, ModuleState::failed}) {
        Module module;
        module.spec = spec(std::string(1, static_cast<char>('a' + records.modules.size())));
        module.state = state;
        module.instance = 5;
        records.modules.push_back(module);
    }
    Node restored{small()};
    restored.restore(std::move(records));
    EXPECT_EQ(restored.module({1, "a"})->state, ModuleState::starting);
    EXPECT_EQ(restored.module({1, "b"})->state, ModuleState::stopped);
    EXPECT_EQ(restored.module({1, "c"})->state, ModuleState::failed);
    EXPECT_EQ(restored.running({1, "a"}, 5)->state, ModuleState::running);
}

} // namespace
} // namespace authex::em
