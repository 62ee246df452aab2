// A module that is recorded runs again as it ran.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Records : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    /// Records `module` while `work` is done. @return what `authex record --json` says
    template <typename Work>
    nlohmann::json record(const std::string& module, const Work& work) {
        const auto record = world_.start_authex({"record", module});
        EXPECT_TRUE(record->says("is recorded")) << record->out() << record->err();
        work();
        record->signal(SIGINT);
        EXPECT_EQ(record->wait(), 0) << record->err();
        return world_.json({"replay", module + ".recording"});
    }
    void press(std::uint32_t times) {
        const std::uint32_t before = world_.request_u32("get-presses");
        for (std::uint32_t i = 0; i < times; ++i) {
            world_.must({"output", "trigger-btn"});
        }
        EXPECT_TRUE(
            eventually([&] { return world_.request_u32("get-presses") == before + times; }));
    }
    World world_{"button-led"};
};

TEST_F(Records, ModuleThatIsReplayedGivesWhatItGave) {
    for (const std::string module : {"controller", "db"}) {
        const nlohmann::json replayed = record(module, [&] { press(3); });
        EXPECT_EQ(replayed.at("identical"), true) << replayed;
        EXPECT_EQ(replayed.at("identity"), world_.module(module).at("identity"));
        // Hello, handshake, orders, and each press.
        EXPECT_GE(replayed.at("given").get<int>(), 8) << replayed;
        EXPECT_GE(replayed.at("compared").get<int>(), 8) << replayed;
    }
    const auto mode = std::filesystem::status(world_.folder() / "db.recording").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    // Nothing of it is left on the node.
    for (const auto& each : std::filesystem::recursive_directory_iterator(world_.state("cloud"))) {
        EXPECT_NE(each.path().filename(), "entropy");
    }
}

TEST_F(Records, CrashIsReplayedToo) {
    world_.replace(
        "controller.cpp", "lit = !lit;", "lit = !lit;\n    if (!lit) { __builtin_trap(); }");
    world_.must({"up"});
    const auto recorded = world_.start_authex({"record", "controller"});
    ASSERT_TRUE(recorded->says("is recorded")) << recorded->err();
    world_.must({"output", "trigger-btn"});
    world_.must({"output", "trigger-btn"});
    EXPECT_EQ(recorded->wait(), 0);
    EXPECT_THAT(recorded->out(), HasSubstr("it was killed by signal 4"));
    const Result replayed = world_.authex({"replay", "controller.recording"});
    EXPECT_EQ(replayed.status, 0) << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("it ended as recorded: killed by signal 4"));
}

TEST_F(Records, DamagedFileIsRefused) {
    (void)record("led", [] {});
    const std::string whole = world_.read("led.recording");
    std::string changed = whole;
    changed[whole.size() / 2] = static_cast<char>(changed[whole.size() / 2] ^ 1);
    for (const std::string& text : {changed, whole.substr(0, whole.size() - 1), std::string()}) {
        world_.write("led.recording", text);
        EXPECT_EQ(world_.authex({"replay", "led.recording"}).status, 1);
    }
    EXPECT_EQ(world_.authex({"replay", "nothing"}).status, 1);
}

TEST_F(Records, AnotherImageIsRefused) {
    world_.replace("led.cpp", "LED is on", "LED is ON");
    const pid_t before = world_.module_process("led");
    const Result refused = world_.authex({"record", "led"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("another image"), HasSubstr("authex up")));
    EXPECT_EQ(world_.module_process("led"), before) << "it was not touched";
    EXPECT_FALSE(std::filesystem::exists(world_.folder() / "led.recording"));
}

TEST_F(Records, DebuggerHasTheModuleBeforeItsFirstFrame) {
    if (run({.words = {"/bin/sh", "-c", "command -v gdb"}, .folder = {}, .input = {}}).status !=
        0) {
        GTEST_SKIP() << "gdb is not installed";
    }
    (void)record("led", [this] {
        press(1);
        EXPECT_TRUE(eventually([&] {
            return world_.authex({"logs", "led", "--grep", "LED is on"}).out != "";
        }));
    });
    const Result debugged = world_.authex({"replay", "led.recording", "--debugger", "gdb"},
                                          "break led.cpp:7\ncontinue\nkill\nquit\n");
    EXPECT_EQ(debugged.status, 0) << debugged.err;
    EXPECT_THAT(debugged.out,
                AllOf(HasSubstr("SIGTRAP"), HasSubstr("Breakpoint 1, "), HasSubstr("led.cpp:7")));
}

} // namespace
} // namespace authex::test
