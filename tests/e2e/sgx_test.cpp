// Enclaves among the nodes: simulated processors, genuine images, quotes and verification.
#include <csignal>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void play(World& world, unsigned balls) {
    world.must({"output", "start", "--hex", "64000000 4000"}); // 100 balls of 64 bytes
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == balls; }));
    EXPECT_EQ(world.request_u32("score", 4), 0U);
}

class MixedNodes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Sgx,
                         MixedNodes,
                         testing::Values("sgx-native", "sgx-sancus"),
                         [](const auto& info) {
                             std::string name = info.param;
                             name[name.find('-')] = '_';
                             return name;
                         });

TEST_P(MixedNodes, PlayWithEachOther) {
    World world("ping-pong", std::string(GetParam()) + ".yaml");
    world.start_managers();
    world.must({"up"});
    play(world, 100);
}

class Sgx : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    void end_manager(const std::string& node) {
        world_.manager(node).signal(SIGKILL);
        (void)world_.manager(node).wait();
    }
    World world_{"ping-pong", "sgx.yaml"};
};

TEST_F(Sgx, EnclavesAreShownSimulatedWithTheirMeasurement) {
    const auto ping = world_.module("ping");
    EXPECT_EQ(ping.at("state"), "running");
    EXPECT_EQ(ping.at("tee"), "sgx");
    EXPECT_EQ(ping.at("simulated"), true);
    EXPECT_EQ(ping.at("identity").get<std::string>().size(), 64U);
    EXPECT_NE(ping.at("identity"), world_.module("pong").at("identity"));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(Sgx, AttestationSaysWhatItProvesAndWhatNot) {
    const Result result = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("MRENCLAVE"));
    EXPECT_THAT(result.out, HasSubstr("MRSIGNER"));
    EXPECT_THAT(result.out, HasSubstr("simulated"));
}

TEST_F(Sgx, EnclavesOutliveTheirManager) {
    const auto process = world_.module_process("ping");
    end_manager("left");
    world_.restart_manager("left");
    EXPECT_EQ(world_.module_process("ping"), process);
    play(world_, 100);
}

TEST_F(Sgx, AKilledEnclaveIsHealedByUp) {
    const pid_t process = world_.module_process("ping");
    ASSERT_GT(process, 0);
    ::kill(process, SIGKILL);
    EXPECT_TRUE(eventually([&] { return world_.module("ping").at("state") == "failed"; }));
    world_.must({"up"});
    EXPECT_EQ(world_.module("ping").at("state"), "running");
    play(world_, 100);
}

TEST_F(Sgx, ADescriptorWithoutSimulationTakesNoSimulatedEnclave) {
    world_.must({"down"});
    std::string text = world_.read("sgx.yaml");
    text.erase(text.find("simulation: allowed"));
    world_.write("sgx.yaml", text);
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("simulat"));
}

TEST_F(Sgx, WhatTheVendorSaysOfAnEnclaveIsShownSignedAndHeldAgainstThePolicy) {
    const std::string before = world_.read("sgx.yaml");
    const auto identity = world_.module("ping").at("identity");
    const auto describe = [&](const std::string& enclave, const std::string& policy) {
        std::string text = before;
        const std::size_t at = text.find("ping.cpp]") + 9;
        text.insert(at, ", enclave: { " + enclave + " }");
        world_.write("sgx.yaml", text + "policy: { " + policy + " }\n");
    };
    describe("product: 3, svn: 2", "svn: 2");
    const auto built = world_.json({"build", "ping"});
    const auto& labels = built.at("modules").at(0).at("labels");
    EXPECT_EQ(labels.at("isv_prod_id"), "3");
    EXPECT_EQ(labels.at("isv_svn"), "2");
    EXPECT_EQ(built.at("modules").at(0).at("identity"), identity) << "it is not measured";
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("ping"));
    world_.must({"up"});
    play(world_, 100);

    describe("debug: true", "tcb: []");
    const Result warned = world_.authex({"check"});
    EXPECT_THAT(warned.err, HasSubstr("attestation of module «ping» will fail"));
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("debug mode"));
    describe("debug: true", "allow-debug: true");
    world_.must({"up"});
    EXPECT_THAT(world_.authex({"attest", "ping", "--explain"}).out, HasSubstr("debug"));

    describe("svn: 1", "svn: 2");
    const Result old = world_.authex({"up"});
    EXPECT_EQ(old.status, 1);
    EXPECT_THAT(old.err, HasSubstr("at least 2"));
}

TEST_F(Sgx, ANodeWithAnotherRootIsNotBelieved) {
    end_manager("left");
    std::filesystem::remove(world_.state("left") / "sgx-root.pem");
    world_.restart_manager("left");
    const Result result = world_.authex({"attest", "ping"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("left"));
}

TEST(SgxManager, NeedsTheHardwareOrIsToldToSimulate) {
    const TemporaryFolder folder;
    const auto manager = [](std::vector<std::string> options) {
        options.insert(options.begin(), program("authex-em"));
        return run({.words = options, .folder = {}, .input = {}});
    };
    const Result bare =
        manager({"--tee", "sgx", "--listen", "127.0.0.1:0", "--state", folder.path()});
    if (!std::filesystem::exists("/dev/sgx_enclave")) {
        EXPECT_EQ(bare.status, 1);
        EXPECT_THAT(bare.err, HasSubstr("--simulate"));
    }
    EXPECT_EQ(manager({"--simulate"}).status, 2);
    EXPECT_EQ(manager({"--hide-enclaves", "--tee", "sgx"}).status, 2);
}

} // namespace
} // namespace authex::test
