// Trusted applications among the nodes: simulated TEEs, images as OP-TEE loads them, genuine
// statements of attestation.
#include <csignal>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

void play(World& world, unsigned balls) {
    world.must({"output", "start", "--hex", "64000000 4000"}); // 100 balls of 64 bytes
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == balls; }));
    EXPECT_EQ(world.request_u32("score", 4), 0U);
}

class MixedWithTrustZone : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(TrustZone,
                         MixedWithTrustZone,
                         testing::Values("sgx", "sancus", "aarch64"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(MixedWithTrustZone, PlayWithEachOther) {
    if (std::string(GetParam()) == "aarch64" &&
        !std::filesystem::exists(program("aarch64/authex-tz-host"))) {
        GTEST_SKIP() << "no cross libraries of AArch64: tools/setup";
    }
    World world("ping-pong", "trustzone-" + std::string(GetParam()) + ".yaml");
    world.start_managers();
    world.must({"up"});
    play(world, 100);
}

class TrustZone : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    void end_manager(const std::string& node) {
        world_.manager(node).signal(SIGKILL);
        (void)world_.manager(node).wait();
    }
    World world_{"ping-pong", "trustzone.yaml"};
};

TEST_F(TrustZone, TrustedApplicationsAreShownSimulatedWithTheirMeasurement) {
    const auto ping = world_.module("ping");
    EXPECT_EQ(ping.at("state"), "running");
    EXPECT_EQ(ping.at("tee"), "trustzone");
    EXPECT_EQ(ping.at("simulated"), true);
    EXPECT_EQ(ping.at("identity").get<std::string>().size(), 64U);
    EXPECT_NE(ping.at("identity"), world_.module("pong").at("identity"));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(TrustZone, AttestationSaysWhatItProvesAndWhatNot) {
    const Result result = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("read-only memory of the TA"));
    EXPECT_THAT(result.out, HasSubstr("RSA-3072"));
    EXPECT_THAT(result.out, HasSubstr("simulated"));
}

TEST_F(TrustZone, TrustedApplicationsOutliveTheirManager) {
    const auto process = world_.module_process("ping");
    end_manager("left");
    world_.restart_manager("left");
    EXPECT_EQ(world_.module_process("ping"), process);
    play(world_, 100);
}

TEST_F(TrustZone, AKilledOneIsHealedByUp) {
    const pid_t process = world_.module_process("ping");
    ASSERT_GT(process, 0);
    ::kill(process, SIGKILL);
    EXPECT_TRUE(eventually([&] { return world_.module("ping").at("state") == "failed"; }));
    world_.must({"up"});
    EXPECT_EQ(world_.module("ping").at("state"), "running");
    play(world_, 100);
}

TEST_F(TrustZone, AnUpdateTakesTheOldOnesPlace) {
    const auto before = world_.module("ping").at("identity");
    world_.write("ping.cpp",
                 world_.read("ping.cpp") + "\nAUTHEX_ENTRY(added, call) { call.result.u8(1); }\n");
    world_.must({"up"});
    EXPECT_NE(world_.module("ping").at("identity"), before);
    play(world_, 100);
}

TEST_F(TrustZone, ADescriptorWithoutSimulationTakesNoSimulatedOne) {
    world_.must({"down"});
    std::string text = world_.read("trustzone.yaml");
    text.erase(text.find("simulation: allowed"));
    world_.write("trustzone.yaml", text);
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("simulat"));
}

TEST_F(TrustZone, ANodeWithAnotherDeviceKeyIsNotBelieved) {
    end_manager("left");
    std::filesystem::remove(world_.state("left") / "tee-device-key.pem");
    world_.restart_manager("left");
    const Result result = world_.authex({"attest", "ping"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("left"));
}

TEST_F(TrustZone, TheEnrolledDeviceKeyIsTheOnlyOneThatIsBelieved) {
    const Result shown = world_.authex({"node", "enroll", "left"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_FALSE(std::filesystem::exists(world_.folder() / "keys/left.device.pem"));
    const std::size_t at = shown.out.find("--fingerprint ");
    ASSERT_NE(at, std::string::npos);
    std::string fingerprint = shown.out.substr(at + 14, 64);
    world_.must({"node", "enroll", "left", "--fingerprint", fingerprint});
    fingerprint[0] = fingerprint[0] == '0' ? '1' : '0';
    EXPECT_EQ(world_.authex({"node", "enroll", "left", "--fingerprint", fingerprint}).status, 1);
    world_.must({"node", "enroll", "right", "--trust-on-first-use"});
    const std::string text = world_.read("trustzone.yaml");
    const auto state = [&](const char* key) {
        std::string changed = text;
        changed.replace(changed.find("machine: x86-64"),
                        15,
                        std::string("machine: x86-64, device-key: ") + key);
        world_.write("trustzone.yaml", changed);
    };
    state("keys/left.device.pem");
    world_.must({"up"});
    play(world_, 100);
    state("keys/right.device.pem");
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("another device key"));
    state("keys/nobody.pem");
    EXPECT_THAT(world_.authex({"up"}).err, HasSubstr("cannot read"));
    EXPECT_EQ(world_.authex({"node", "enroll", "nobody"}).status, 1);
}

TEST_F(TrustZone, AnOlderVersionIsNotLoadedAgain) {
    const std::string text = world_.read("trustzone.yaml");
    world_.replace(
        "trustzone.yaml", "sources: [ping.cpp] }", "sources: [ping.cpp], enclave: { svn: 2 } }");
    world_.must({"up"});
    play(world_, 100);
    world_.write("trustzone.yaml", text);
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("version 0 of the TA, and 2 was here"));
}

TEST(TrustZoneManager, NeedsOpteeOrIsToldToSimulate) {
    const TemporaryFolder folder;
    const auto manager = [](std::vector<std::string> options) {
        options.insert(options.begin(), program("authex-em"));
        return run({.words = options, .folder = {}, .input = {}});
    };
    if (!std::filesystem::exists("/dev/tee0")) {
        const Result bare =
            manager({"--tee", "trustzone", "--listen", "127.0.0.1:0", "--state", folder.path()});
        EXPECT_EQ(bare.status, 1);
        EXPECT_THAT(bare.err, HasSubstr("--simulate"));
    }
    EXPECT_EQ(manager({"--ta-key", "key.pem"}).status, 2);
    EXPECT_EQ(manager({"--tee", "trustzone", "--ta-key", "key.pem"}).status, 2);
}

TEST(TrustZoneManager, TakesOptionsOnlyWhereTheyMeanSomething) {
    const TemporaryFolder folder;
    const auto manager = [&](std::vector<std::string> options) {
        options.insert(options.begin(), program("authex-em"));
        options.insert(options.end(),
                       {"--listen", "127.0.0.1:0", "--state", folder.path() / "state"});
        return run({.words = options, .folder = {}, .input = {}});
    };
    EXPECT_EQ(manager({"--tee", "sgx", "--ta-folder", "/tmp"}).status, 2);
    EXPECT_EQ(manager({"--tee", "trustzone", "--simulate", "--ta-folder", "/tmp"}).status, 2);
    EXPECT_EQ(manager({"--tee", "trustzone", "--ta-key", "key.pem"}).status, 2);
    if (!std::filesystem::exists("/dev/tee0")) {
        const Result bare = manager({"--tee", "trustzone", "--ta-folder", folder.path()});
        EXPECT_EQ(bare.status, 1) << "an option of nodes with OP-TEE, which this machine has not";
        EXPECT_THAT(bare.err, HasSubstr("--simulate"));
    }
}

} // namespace
} // namespace authex::test
