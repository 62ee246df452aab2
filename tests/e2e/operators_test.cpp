// What who runs an application looks at, and how it comes to another machine.
#include <csignal>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Operators : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    void press() { world_.must({"output", "trigger-btn"}); }
    /// The check of that name, from `doctor --json`.
    nlohmann::json check(const std::string& what) {
        const nlohmann::json found = world_.json({"doctor"});
        for (const auto& each : found.at("checks")) {
            if (each.at("what") == what) {
                return each;
            }
        }
        return nullptr;
    }
    /// `authex` on the same descriptor with a state of its own.
    Result other(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--state", "other-state"});
        return world_.authex(arguments);
    }
    World world_{"button-led"};
};

TEST_F(Operators, DoctorFindsNothingToMendWhereAllRuns) {
    const Result sound = world_.authex({"doctor"});
    EXPECT_EQ(sound.status, 0) << sound.out << sound.err;
    EXPECT_THAT(sound.out, AllOf(HasSubstr("clang++-14"), HasSubstr("0 to mend")));
    EXPECT_EQ(check("field").at("level"), "ok");
    EXPECT_EQ(check("field clock").at("level"), "ok");
}

TEST_F(Operators, DoctorSaysWhatToDoAboutANodeThatIsNotThere) {
    world_.manager("field").signal(SIGKILL);
    world_.manager("field").wait();
    const Result ill = world_.authex({"doctor"});
    EXPECT_EQ(ill.status, 1);
    EXPECT_THAT(ill.out, AllOf(HasSubstr("no manager at"), HasSubstr("→ authex dev")));
    EXPECT_EQ(check("field").at("level"), "fail");
    EXPECT_EQ(check("cloud").at("level"), "ok");
}

TEST_F(Operators, DoctorWithoutADescriptorLooksAtTheMachineAlone) {
    const Result alone = run({.words = {program("authex"), "doctor"}, .folder = "/", .input = {}});
    EXPECT_EQ(alone.status, 0) << alone.out;
    EXPECT_THAT(alone.out, HasSubstr("nodes were not looked at"));
}

TEST_F(Operators, ExplainShowsEachFactAndThatItIsSimulated) {
    const Result text = world_.authex({"attest", "led", "--explain"});
    EXPECT_EQ(text.status, 0) << text.err;
    EXPECT_THAT(text.out,
                AllOf(HasSubstr("led on field (native)  simulated"),
                      HasSubstr("SHA-256 of the image that was built here: equal"),
                      HasSubstr("does not prove")));
    const nlohmann::json json = world_.json({"attest", "led", "--explain"});
    ASSERT_EQ(json.at("attestations").size(), 1U);
    EXPECT_EQ(json["attestations"][0]["identity"], world_.module("led").at("identity"));
    EXPECT_EQ(json["attestations"][0]["simulated"], true);
}

TEST_F(Operators, WatchTellsEachChangeOnceAndEndsWithCtrlC) {
    const auto watch = world_.start_authex({"status", "--watch", "--every", "0.1"});
    ASSERT_TRUE(watch->says("trigger-btn")) << watch->err();
    press();
    EXPECT_TRUE(watch->says("connection trigger-btn sent 0 → 1, accepted 0 → 1"))
        << watch->out() << watch->err();
    const pid_t led = world_.module_process("led");
    ::kill(led, SIGKILL);
    EXPECT_TRUE(watch->says("module led running → failed: killed by signal 9")) << watch->out();
    EXPECT_THAT(watch->out(), Not(HasSubstr("\033")));
    watch->signal(SIGINT);
    EXPECT_EQ(watch->wait(), 0);
}

TEST_F(Operators, LogsAreFilteredAndFollowedOverBothNodes) {
    press();
    ASSERT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 1; }));
    EXPECT_THAT(world_.authex({"logs", "--node", "cloud"}).out, Not(HasSubstr("LED is")));
    EXPECT_THAT(world_.authex({"logs", "--grep", "LED is on"}).out, HasSubstr("LED is on"));
    EXPECT_EQ(world_.authex({"logs", "--grep", "no such line"}).out, "");
    EXPECT_EQ(world_.authex({"logs", "--level", "error"}).out, "");
    EXPECT_EQ(world_.authex({"logs", "--since", "2000-01-01T00:00:00Z", "led"}).out,
              world_.authex({"logs", "--module", "led"}).out);
    EXPECT_EQ(world_.authex({"logs", "--grep", "("}).status, 1);
    EXPECT_EQ(world_.authex({"logs", "--since", "never"}).status, 2);
    const auto follow = world_.start_authex({"logs", "-f", "--grep", "LED is off"});
    press();
    EXPECT_TRUE(follow->says("LED is off")) << follow->out() << follow->err();
    follow->signal(SIGTERM);
    EXPECT_EQ(follow->wait(), 0);
}

TEST_F(Operators, FollowedLogsGoOnWhenAManagerIsStartedAgain) {
    const auto follow = world_.start_authex({"logs", "-f", "led"});
    press();
    ASSERT_TRUE(follow->says("LED is on")) << follow->err();
    world_.manager("field").signal(SIGKILL);
    world_.manager("field").wait();
    ASSERT_TRUE(eventually([&] { return !follow->err().empty(); })) << "it says so";
    world_.restart_manager("field");
    press();
    EXPECT_TRUE(follow->says("LED is off")) << follow->out() << follow->err();
    follow->signal(SIGINT);
    EXPECT_EQ(follow->wait(), 0);
}

TEST_F(Operators, TimingTellsEachStepOnBothWays) {
    const Result text = world_.authex({"--timing", "status"});
    EXPECT_THAT(text.err, AllOf(HasSubstr("TOOK"), HasSubstr("ask"), HasSubstr("audit")));
    const nlohmann::json json = world_.json({"--timing", "plan"});
    EXPECT_GT(json.at("timing").at("total_us"), 0);
    EXPECT_GE(json["timing"]["steps"].size(), 7U) << "five modules built, two nodes asked";
}

TEST_F(Operators, AReplyThatWasReadDoesNotWait) {
    EXPECT_EQ(world_.request_u32("get-presses"), 0U);
    EXPECT_EQ(world_.connection("get-presses").at("waiting"), 0);
}

TEST_F(Operators, GraphAndSchemaNeedNoNode) {
    EXPECT_THAT(world_.authex({"graph"}).out, HasSubstr("pressed → button_pressed"));
    EXPECT_THAT(world_.authex({"graph", "--format", "mermaid"}).out, HasSubstr("flowchart LR"));
    EXPECT_THAT(world_.authex({"graph", "--format", "svg"}).out, HasSubstr("</svg>"));
    EXPECT_TRUE(world_.json({"schema"}).contains("$schema"));
}

TEST_F(Operators, AnExportGoesOnElsewhereAndTheOldMachineIsRefused) {
    press();
    world_.write("phrase", "correct horse\n");
    world_.must({"export", "copy.authex", "--passphrase-file", "phrase"});
    press();
    ASSERT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 2; }));

    EXPECT_EQ(other({"restore", "copy.authex", "--passphrase-file", "native.yaml"}).status, 1);
    const Result restored = other({"restore", "copy.authex", "--passphrase-file", "phrase"});
    ASSERT_EQ(restored.status, 0) << restored.err;
    const Result up = other({"up"});
    ASSERT_EQ(up.status, 0) << up.out << up.err;
    EXPECT_THAT(up.err, Not(HasSubstr("load"))) << "modules go on with what they have";
    ASSERT_EQ(other({"output", "trigger-btn"}).status, 0);
    EXPECT_TRUE(eventually([&] {
        return other({"request", "get-presses"}).out.find("= 3") != std::string::npos;
    }));

    EXPECT_EQ(world_.authex({"output", "trigger-btn"}).status, 1);
    (void)world_.authex({"status"}); // sees that its channels are gone
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("another copy of this state"));
}

TEST_F(Operators, AMovedApplicationIsUsedHereNoMore) {
    world_.write("phrase", "correct horse\n");
    world_.must({"export", "copy.authex", "--move", "--passphrase-file", "phrase"});
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("moved to another machine"));
    world_.must({"restore", "copy.authex", "--replace", "--passphrase-file", "phrase"});
    world_.must({"up"});
    press();
}

TEST_F(Operators, ACompilersMessageNamesTheFileAsItStands) {
    world_.write("led.cpp", "this is no C++\n");
    const Result broken = world_.authex({"build", "led"});
    EXPECT_EQ(broken.status, 1);
    EXPECT_THAT(broken.err, HasSubstr((world_.folder() / "led.cpp").string() + ":1:1"));
    EXPECT_THAT(broken.err, Not(HasSubstr("/./")));
}

} // namespace
} // namespace authex::test
