// `up` changes what differs, and nothing else.
#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

/// What `up` did, as "action subject".
std::vector<std::string> steps_of(World& world, const std::vector<std::string>& arguments) {
    std::vector<std::string> steps;
    const nlohmann::json plan = world.json(arguments);
    if (!plan.contains("steps")) {
        ADD_FAILURE() << plan.dump(2);
        return steps;
    }
    for (const auto& step : plan.at("steps")) {
        steps.push_back(step.at("action").get<std::string>() + " " +
                        step.at("subject").get<std::string>());
    }
    return steps;
}

class Changes : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    void press() { world_.must({"output", "trigger-btn"}); }
    bool presses_become(std::uint32_t count) {
        return eventually([&] { return world_.request_u32("get-presses") == count; });
    }
    World world_{"button-led"};
};

TEST_F(Changes, ASecondUpDoesNothing) {
    const auto before = world_.json({"status"});
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
    EXPECT_THAT(steps_of(world_, {"up"}), ::testing::IsEmpty());
    const auto after = world_.json({"status"});
    for (std::size_t i = 0; i < before.at("connections").size(); ++i) {
        EXPECT_EQ(before["connections"][i]["epoch"], after["connections"][i]["epoch"]);
    }
}

TEST_F(Changes, PlanSaysWhatUpThenDoes) {
    world_.replace("led.cpp", "LED is on", "LED shines");
    const auto planned = steps_of(world_, {"plan"});
    EXPECT_EQ(planned, steps_of(world_, {"plan"})) << "plan changes nothing";
    EXPECT_THAT(steps_of(world_, {"up"}), ::testing::UnorderedElementsAreArray(planned));
}

TEST_F(Changes, AChangedModuleAloneIsReloadedAndItsConnectionsGoOn) {
    press();
    ASSERT_TRUE(presses_become(1));
    const auto identity = world_.module("led").at("identity");
    const auto epoch = world_.connection("controller.set_led->led.set").at("epoch");
    const auto other = world_.connection("controller.count->db.increment").at("epoch");
    world_.replace("led.cpp", "LED is on", "LED shines");
    const auto steps = steps_of(world_, {"up"});
    EXPECT_THAT(steps, ::testing::Contains("load led"));
    EXPECT_THAT(steps, ::testing::Not(::testing::Contains("load db")));
    EXPECT_NE(world_.module("led").at("identity"), identity);
    EXPECT_EQ(world_.connection("controller.set_led->led.set").at("epoch"), epoch);
    EXPECT_EQ(world_.connection("controller.count->db.increment").at("epoch"), other);
    press();
    press();
    EXPECT_TRUE(presses_become(3)) << "all have kept their state";
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"logs", "led"}).out.find("LED shines") != std::string::npos;
    }));
}

TEST_F(Changes, AConnectionIsRemovedAndAddedAgain) {
    const std::string line = "  - { from: controller.count,   to: db.increment }\n";
    world_.replace("native.yaml", line, "");
    world_.must({"up"});
    EXPECT_TRUE(world_.connection("controller.count->db.increment").is_null());
    press();
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "get-led"}).out == "01  = 1\n";
    }));
    EXPECT_EQ(world_.request_u32("get-presses"), 0U);

    world_.replace("native.yaml", "simulation: allowed", "simulation: allowed # again");
    world_.replace(
        "native.yaml", "  - { from: web.get_presses", line + "  - { from: web.get_presses");
    world_.must({"up"});
    press();
    EXPECT_TRUE(presses_become(1));
}

TEST_F(Changes, AModuleIsRemovedWithItsConnections) {
    ASSERT_NE(world_.module_process("web"), 0);
    world_.replace("native.yaml", "  web:        { node: cloud, sources: [web.cpp] }\n", "");
    world_.replace("native.yaml", "  - { from: web.get_presses,    to: db.read_count }\n", "");
    world_.replace(
        "native.yaml", "  - { name: init-server, direct: true, to: web.init_server }\n", "");
    world_.must({"up"});
    EXPECT_TRUE(world_.module("web").is_null());
    EXPECT_EQ(world_.module_process("web"), 0);
    press();
    EXPECT_TRUE(presses_become(1));
}

TEST_F(Changes, ConnectAgainTurnsTheKeysOfOneConnection) {
    const auto epoch = world_.connection("controller.count->db.increment").at("epoch");
    const auto other = world_.connection("controller.set_led->led.set").at("epoch");
    world_.must({"connect", "--again", "--connection", "controller.count->db.increment"});
    EXPECT_GT(world_.connection("controller.count->db.increment").at("epoch"), epoch);
    EXPECT_EQ(world_.connection("controller.set_led->led.set").at("epoch"), other);
    press();
    EXPECT_TRUE(presses_become(1));
}

TEST_F(Changes, DownLeavesNothingOnTheNodesAndUpBeginsAnew) {
    press();
    ASSERT_TRUE(presses_become(1));
    world_.must({"down"});
    EXPECT_EQ(world_.module_process("db"), 0);
    EXPECT_EQ(world_.module("db").at("state"), "absent");
    world_.must({"up"});
    EXPECT_EQ(world_.request_u32("get-presses"), 0U);
}

TEST_F(Changes, ADisabledModuleTakesNothingUntilItIsLoadedAgain) {
    world_.must({"disable", "db"});
    EXPECT_EQ(world_.authex({"request", "get-presses"}).status, 1);
    press();
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "get-led"}).out == "01  = 1\n";
    }));
}

} // namespace
} // namespace authex::test
