// The manager for AArch64, as boards have it, in qemu-user among nodes of this machine.
// `tools/test aarch64` builds it.
#include <csignal>

#include <gmock/gmock.h>

#include "ping_pong.hpp"
#include "tee/trustzone/device_key_file.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

const fs::path emulator = "/usr/bin/qemu-aarch64";
const fs::path sysroot = AUTHEX_SOURCE_DIR "/build/sysroot-aarch64";
const fs::path programs = AUTHEX_SOURCE_DIR "/build/aarch64/bin";

/// Words that run a program of AArch64 here.
std::vector<std::string> emulated() {
    return {"/usr/bin/env",
            "AUTHEX_TZ_HOST_PROGRAM_AARCH64=" + (programs / "authex-tz-host").string(),
            emulator,
            "-L",
            sysroot};
}

class AArch64Manager : public testing::Test {
  protected:
    void SetUp() override {
        for (const fs::path& needed : {emulator, sysroot / "packages", programs / "authex-em"}) {
            if (!fs::exists(needed)) {
                GTEST_SKIP() << "there is no " << needed << ": tools/test aarch64";
            }
        }
    }
    /// @param gate the node whose manager is the one of AArch64
    static void start(World& world, const std::string& gate) {
        world.run_manager_in(gate, emulated());
        world.use_manager(gate, programs / "authex-em");
        world.start_managers_with_tls();
    }
};

/// A trusted application there, and a native module on a node of this machine.
class AArch64Node : public AArch64Manager {
  protected:
    void SetUp() override {
        AArch64Manager::SetUp();
        if (!IsSkipped()) {
            give_device_key();
            world_.replace(descriptor_, "right: { tee: trustzone,", "right: { tee: native, ");
            start(world_, "left");
            world_.must({"up"});
        }
    }
    /// One of all tests: an emulated processor makes none in less than seconds.
    void give_device_key() const {
        const fs::path shared = fs::path(AUTHEX_TEST_CACHE) / "library-device-key.pem";
        const auto key = tee::trustzone::open_device_key(shared);
        ASSERT_TRUE(key) << to_text(key.error());
        fs::create_directories(world_.state("left"));
        fs::copy_file(shared, world_.state("left") / "tee-device-key.pem");
    }
    void kill_manager() {
        world_.manager("left").signal(SIGKILL);
        EXPECT_EQ(world_.manager("left").wait(), -SIGKILL);
    }
    const std::string descriptor_ = "trustzone-aarch64.yaml";
    World world_{"ping-pong", descriptor_};
};

TEST_F(AArch64Node, DeploysAttestsAndCarriesEventsToANativeNode) {
    const Result attested = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(attested.status, 0) << attested.err;
    EXPECT_THAT(attested.out, HasSubstr("read-only memory of the TA"));
    EXPECT_EQ(world_.module("ping").at("tee"), "trustzone");
    EXPECT_EQ(world_.module("pong").at("tee"), "native");
    play(world_);
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(AArch64Node, TakesAnUpdateWhileEventsFlow) {
    const auto before = world_.module("ping").at("identity");
    world_.write("ping.cpp",
                 world_.read("ping.cpp") + "\nAUTHEX_ENTRY(added, call) { call.result.u8(1); }\n");
    world_.must({"build"});
    world_.must({"output", "start", "--hex", "88130000 4000"});
    world_.must({"up"});
    EXPECT_NE(world_.module("ping").at("identity"), before);
    EXPECT_TRUE(eventually([&] { return world_.request_u32("score") == 5'000U; }))
        << "none of 5,000 balls is missed";
    EXPECT_EQ(world_.authex({"call", "ping", "added"}).status, 0);
}

TEST_F(AArch64Node, FindsItsModulesAfterItWasKilled) {
    const auto process = world_.module_process("ping");
    ASSERT_GT(process, 0);
    kill_manager();
    world_.restart_manager("left");
    EXPECT_EQ(world_.module_process("ping"), process);
    play(world_);
}

TEST_F(AArch64Node, SeesThatAModuleDiedAndTakesItAnew) {
    ::kill(world_.module_process("ping"), SIGKILL);
    EXPECT_TRUE(eventually([&] { return world_.module("ping").at("state") == "failed"; }));
    world_.must({"up"});
    play(world_);
}

TEST_F(AArch64Node, TicksLogsAnswersCallsAndDisables) {
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
    EXPECT_THAT(world_.authex({"call", "clock", "tick"}).out, HasSubstr(" = "));
    world_.must({"disable", "clock"});
    EXPECT_EQ(world_.authex({"request", "ticks"}).status, 1);
}

TEST_F(AArch64Node, EndsWhenItIsToldTo) {
    world_.manager("left").signal(SIGTERM);
    EXPECT_EQ(world_.manager("left").wait(), 0) << world_.manager("left").err();
    world_.restart_manager("left");
    play(world_);
}

TEST_F(AArch64Node, TakesNoImageOfAnotherProcessor) {
    world_.must({"down"});
    world_.replace(descriptor_, "left:  { ", "left:  { machine: x86-64, ");
    const Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("its image is for x86-64"));
    EXPECT_THAT(result.err, HasSubstr("leave out `machine`"));
}

TEST_F(AArch64Manager, HasNoNodesWhoseModulesAreForAnotherProcessor) {
    const TemporaryFolder folder;
    for (const char* tee : {"native", "sgx"}) {
        std::vector<std::string> words = emulated();
        words.insert(words.end(),
                     {programs / "authex-em", "--tee", tee, "--state", folder.path() / tee});
        const Result result = run({.words = words, .folder = {}, .input = {}});
        EXPECT_EQ(result.status, 1) << tee;
        EXPECT_THAT(result.err, HasSubstr("its modules are for x86-64"));
    }
}

TEST_F(AArch64Manager, IsTheGatewayBetweenAMicrocontrollerAndAnEnclave) {
    World world("button-led", "complete.yaml");
    world.replace("complete.yaml", ", machine: x86-64 }", " }");
    start(world, "gate");
    world.must({"up"});
    const auto board = [&](std::vector<std::string> words) {
        words.insert(words.begin(),
                     {program("authex-sancus"), "control", world.state("field") / "board.control"});
        return run({.words = words, .folder = {}, .input = {}}).status;
    };
    for (const char* level : {"on", "off", "on"}) {
        EXPECT_EQ(board({"press", "button0"}), 0);
        EXPECT_EQ(board({"release", "button0"}), 0);
        EXPECT_EQ(board({"wait", "led0", level, "--timeout", "20"}), 0) << level;
    }
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 3; }));
}

} // namespace
} // namespace authex::test
