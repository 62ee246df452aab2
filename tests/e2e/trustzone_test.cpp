// Trusted applications among the nodes: simulated TEEs, images as OP-TEE loads them, genuine
// statements of attestation.
#include <gmock/gmock.h>

#include "ping_pong.hpp"
#include "tee/trustzone/device_key_file.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TrustZone : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    World world_{"ping-pong", "trustzone.yaml"};
};

TEST_F(TrustZone, AttestationSaysWhatItProvesAndWhatNot) {
    const Result result = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("read-only memory of the TA"));
    EXPECT_THAT(result.out, HasSubstr("RSA-3072"));
    EXPECT_THAT(result.out, HasSubstr("simulated"));
}

TEST_F(TrustZone, AnUpdateTakesTheOldOnesPlace) {
    const auto before = world_.module("ping").at("identity");
    world_.write("ping.cpp",
                 world_.read("ping.cpp") + "\nAUTHEX_ENTRY(added, call) { call.result.u8(1); }\n");
    world_.must({"up"});
    EXPECT_NE(world_.module("ping").at("identity"), before);
    play(world_);
}

TEST_F(TrustZone, TheEnrolledDeviceKeyIsTheOnlyOneThatIsBelieved) {
    const Result shown = world_.authex({"node", "enroll", "left"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_FALSE(std::filesystem::exists(world_.folder() / "keys/left.device.pem"));
    const std::size_t at = shown.out.find("--fingerprint ");
    ASSERT_NE(at, std::string::npos);
    std::string fingerprint = shown.out.substr(at + 14, 64);
    EXPECT_THAT(world_.manager("left").err(), HasSubstr("fingerprint " + fingerprint))
        << "as who stands before the device sees it";
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
    play(world_);
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
    play(world_);
    world_.write("trustzone.yaml", text);
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("version 0 of the TA, and 2 was here"));
}

TEST(TrustZoneLibrary, ANodeWhoseTeeIsReachedThroughItIsAttestedAndPlays) {
    World world("ping-pong", "trustzone.yaml");
    // A machine with a TEE, as far as its library of the GP TEE Client API can show.
    const TemporaryFolder machine;
    std::filesystem::copy_file(program("../teec-double/libteec.so.1"),
                               machine.path() / "libteec.so.1");
    std::filesystem::create_directories(machine.path() / "optee_armtz");
    const auto key = tee::trustzone::open_device_key(machine.path() / "key.pem");
    ASSERT_TRUE(key) << to_text(key.error());
    machine.write("device-key", {reinterpret_cast<const char*>(&key->secret), sizeof key->secret});
    world.set_tee("left",
                  {"--tee",
                   "trustzone",
                   "--tee-client",
                   machine.path() / "libteec.so.1",
                   "--ta-folder",
                   machine.path() / "optee_armtz"});
    world.start_managers();
    EXPECT_EQ(world.authex({"up"}).status, 1) << "neither simulated nor enrolled";
    world.must({"node", "enroll", "left", "--trust-on-first-use"});
    world.replace("trustzone.yaml",
                  "left:  { tee: trustzone,",
                  "left:  { tee: trustzone, device-key: keys/left.device.pem,");
    world.must({"up"});
    play(world);
    const Result attested = world.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(attested.status, 0) << attested.err;
    EXPECT_THAT(attested.out, Not(HasSubstr("simulated")));
    world.restart_manager("left");
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == 100U; })) << "it goes on";
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
    EXPECT_EQ(manager({"--tee-client", "libteec"}).status, 2);
    EXPECT_EQ(manager({"--tee", "trustzone", "--simulate", "--tee-client", "device"}).status, 2);
    EXPECT_EQ(manager({"--tee", "trustzone", "--tee-client", "libtee.so"}).status, 2) << "no path";
    EXPECT_EQ(manager({"--tee", "trustzone", "--tee-client", "./none.so"}).status, 1);
    if (!std::filesystem::exists("/dev/tee0")) {
        const Result bare = manager({"--tee", "trustzone", "--ta-folder", folder.path()});
        EXPECT_EQ(bare.status, 1) << "an option of nodes with OP-TEE, which this machine has not";
        EXPECT_THAT(bare.err, HasSubstr("--simulate"));
    }
}

} // namespace
} // namespace authex::test
