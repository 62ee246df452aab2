// Enclaves among the nodes: simulated processors, genuine images, quotes and verification.
#include <gmock/gmock.h>

#include "ping_pong.hpp"

namespace authex::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class Sgx : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    World world_{"ping-pong", "sgx.yaml"};
};

TEST_F(Sgx, AttestationSaysWhatItProvesAndWhatNot) {
    const Result result = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("MRENCLAVE"));
    EXPECT_THAT(result.out, HasSubstr("MRSIGNER"));
    EXPECT_THAT(result.out, HasSubstr("simulated"));
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
    play(world_);

    describe("debug: true", "tcb: []");
    const Result warned = world_.authex({"check"});
    EXPECT_THAT(warned.err, HasSubstr("attestation of module «ping» will fail"));
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("debug mode"));
    EXPECT_THAT(refused.err, ContainsRegex("sgx\\.yaml:[0-9]+:[0-9]+: error: module ping"));
    EXPECT_THAT(refused.err, HasSubstr("allow-debug: true"));
    describe("debug: true", "allow-debug: true");
    world_.must({"up"});
    EXPECT_THAT(world_.authex({"attest", "ping", "--explain"}).out, HasSubstr("debug"));

    describe("svn: 1", "svn: 2");
    const Result old = world_.authex({"up"});
    EXPECT_EQ(old.status, 1) << old.err;
    EXPECT_THAT(old.err, HasSubstr("at least 2"));
    EXPECT_THAT(old.err, HasSubstr("raise «svn»"));
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
