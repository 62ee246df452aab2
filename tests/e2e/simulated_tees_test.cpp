// What holds on each TEE that a process simulates, and between them.
#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>

#include "ping_pong.hpp"
#include "tee/trustzone/machines.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

std::string underscored(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

class MixedNodes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tees,
                         MixedNodes,
                         testing::Values("sgx-native",
                                         "sgx-sancus",
                                         "trustzone-sgx",
                                         "trustzone-sancus",
                                         "trustzone-aarch64"),
                         [](const auto& info) { return underscored(info.param); });

TEST_P(MixedNodes, PlayWithEachOther) {
    const std::string nodes = GetParam();
    if (nodes == "trustzone-aarch64" && !has_aarch64()) {
        GTEST_SKIP() << "no libraries of AArch64 (tools/setup)";
    }
    World world("ping-pong", nodes + ".yaml");
    world.start_managers();
    world.must({"up"});
    play(world);
}

struct SimulatedTee {
    const char* name;
    const char* nodes;    ///< of the example
    const char* key_file; ///< in the manager's folder: what its evidence is rooted in
};

class Simulated : public testing::TestWithParam<SimulatedTee> {
  protected:
    void SetUp() override {
        if (GetParam().nodes == std::string("trustzone-aarch64") && !has_aarch64()) {
            GTEST_SKIP() << "no libraries of AArch64 (tools/setup)";
        }
        world_.start_managers();
        world_.must({"up"});
    }
    void end_manager(const std::string& node) {
        world_.manager(node).signal(SIGKILL);
        (void)world_.manager(node).wait();
    }
    const std::string descriptor_ = std::string(GetParam().nodes) + ".yaml";
    World world_{"ping-pong", descriptor_};
};
INSTANTIATE_TEST_SUITE_P(
    Tees,
    Simulated,
    testing::Values(
        SimulatedTee{.name = "sgx", .nodes = "sgx", .key_file = "sgx-root.pem"},
        SimulatedTee{.name = "trustzone", .nodes = "trustzone", .key_file = "tee-device-key.pem"},
        SimulatedTee{
            .name = "trustzone", .nodes = "trustzone-aarch64", .key_file = "tee-device-key.pem"}),
    [](const auto& info) { return underscored(info.param.nodes); });

TEST_P(Simulated, ModulesAreShownSimulatedWithTheirMeasurement) {
    const auto ping = world_.module("ping");
    EXPECT_EQ(ping.at("state"), "running");
    EXPECT_EQ(ping.at("tee"), GetParam().name);
    EXPECT_EQ(ping.at("simulated"), true);
    EXPECT_EQ(ping.at("identity").get<std::string>().size(), 64U);
    EXPECT_NE(ping.at("identity"), world_.module("pong").at("identity"));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_P(Simulated, ModulesOutliveTheirManager) {
    const auto process = world_.module_process("ping");
    end_manager("left");
    world_.restart_manager("left");
    EXPECT_EQ(world_.module_process("ping"), process);
    play(world_);
}

TEST_P(Simulated, AKilledModuleIsHealedByUp) {
    const pid_t process = world_.module_process("ping");
    ASSERT_GT(process, 0);
    ::kill(process, SIGKILL);
    EXPECT_TRUE(eventually([&] { return world_.module("ping").at("state") == "failed"; }));
    world_.must({"up"});
    EXPECT_EQ(world_.module("ping").at("state"), "running");
    play(world_);
}

TEST_P(Simulated, ModulesTickLogAnswerAndAreDisabled) {
    world_.write("clock.cpp",
                 "#include <authex/module.hpp>\n"
                 "AUTHEX_STATE static std::uint32_t ticks;\n"
                 "AUTHEX_ENTRY(tick, call) { ++ticks; call.result.u32(ticks); }\n"
                 "AUTHEX_HANDLER(count, request, reply) {\n"
                 "    authex::log_info(\"asked for the ticks\"); reply.u32(ticks); (void)request;\n"
                 "}\n");
    world_.replace(descriptor_,
                   "connections:\n",
                   "  clock: { node: left, sources: [clock.cpp] }\n"
                   "periodic:\n"
                   "  - { name: ticking, module: clock, entry: tick, every: 20ms }\n"
                   "connections:\n"
                   "  - { name: ticks, direct: true, to: clock.count }\n");
    world_.must({"up"});
    EXPECT_TRUE(eventually([&] { return world_.request_u32("ticks") > 3U; }));
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"logs", "clock"}).out.find("asked for the ticks") !=
               std::string::npos;
    }));
    const Result called = world_.authex({"call", "clock", "tick"});
    EXPECT_EQ(called.status, 0) << called.err;
    EXPECT_THAT(called.out, HasSubstr(" = "));
    world_.must({"disable", "clock"});
    EXPECT_EQ(world_.authex({"request", "ticks"}).status, 1);
    play(world_);
}

TEST_P(Simulated, ADescriptorWithoutSimulationTakesNone) {
    world_.must({"down"});
    std::string text = world_.read(descriptor_);
    text.erase(text.find("simulation: allowed"));
    world_.write(descriptor_, text);
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("simulat"));
}

TEST_P(Simulated, ANodeWithAnotherKeyIsNotBelieved) {
    end_manager("left");
    std::filesystem::remove(world_.state("left") / GetParam().key_file);
    world_.restart_manager("left");
    const Result result = world_.authex({"attest", "ping"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("left"));
}

} // namespace
} // namespace authex::test
