// What a new user does first: init, dev, up, output, request, status, logs.
#include <csignal>
#include <fstream>
#include <regex>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

/// The application that `authex init` makes, on free ports.
class FirstApplication : public ::testing::Test {
  protected:
    void SetUp() override {
        adopt_orphans();
        ::setenv("AUTHEX_CACHE", AUTHEX_TEST_CACHE, 1);
        init_ = authex({"init", "app"}, folder_.path());
        ASSERT_EQ(init_.status, 0) << init_.err;
        std::string text = read("authex.yaml");
        for (const char* port : {"6201", "6202"}) {
            text = std::regex_replace(text, std::regex(port), std::to_string(free_port()));
        }
        std::ofstream(app() / "authex.yaml") << text;
    }
    void TearDown() override { end_descendants(); }

    [[nodiscard]] std::filesystem::path app() const { return folder_.path() / "app"; }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file(app() / name);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    static Result authex(std::vector<std::string> arguments, const std::filesystem::path& folder) {
        arguments.insert(arguments.begin(), program("authex"));
        return run({.words = arguments, .folder = folder, .input = {}});
    }
    Result authex(const std::vector<std::string>& arguments) { return authex(arguments, app()); }
    [[nodiscard]] std::unique_ptr<Process> start(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), program("authex"));
        return std::make_unique<Process>(Command{.words = arguments, .folder = app(), .input = {}});
    }

    TemporaryFolder folder_;
    Result init_;
};

TEST_F(FirstApplication, InitSaysWhatToDoNextAndKeepsTheOwnerKeyToTheOwner) {
    EXPECT_THAT(init_.out, HasSubstr("authex dev --up"));
    EXPECT_EQ(std::filesystem::status(app() / ".authex/owner.key").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_THAT(read(".gitignore"), HasSubstr(".authex"));
    EXPECT_EQ(authex({"check"}).status, 0);
}

TEST_F(FirstApplication, InitRefusesAFolderThatIsNotEmpty) {
    const std::string before = read("authex.yaml");
    const Result again = authex({"init", "app"}, folder_.path());
    EXPECT_EQ(again.status, 1);
    EXPECT_THAT(again.err, HasSubstr("not an empty folder"));
    EXPECT_EQ(read("authex.yaml"), before);
}

TEST_F(FirstApplication, RunsWithDevAndUp) {
    const auto dev = start({"dev"});
    ASSERT_TRUE(dev->says("nodes are ready")) << dev->out() << dev->err();

    const Result up = authex({"up"});
    ASSERT_EQ(up.status, 0) << up.out << up.err;
    EXPECT_THAT(up.out, HasSubstr("app is up: 2 modules, 3 connections"));
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(authex({"output", "press"}).status, 0);
    }
    EXPECT_TRUE(eventually([&] { return authex({"request", "total"}).out == "03000000  = 3\n"; }));

    const Result status = authex({"status"});
    EXPECT_EQ(status.status, 0);
    EXPECT_THAT(status.out, HasSubstr("button.pressed"));
    EXPECT_THAT(status.out, HasSubstr("simulated"));
    EXPECT_THAT(status.out, ::testing::Not(HasSubstr("\033"))) << "colours only on a terminal";

    dev->signal(SIGINT);
    EXPECT_EQ(dev->wait(), 0) << dev->out() << dev->err();
    EXPECT_TRUE(descendants().empty()) << command_line(descendants().front());
}

TEST_F(FirstApplication, DevWithUpDeploysByItself) {
    const auto dev = start({"dev", "--up"});
    ASSERT_TRUE(dev->says("app is up")) << dev->out() << dev->err();
    EXPECT_EQ(authex({"output", "press"}).status, 0);
    dev->signal(SIGTERM);
    EXPECT_EQ(dev->wait(), 0);
    EXPECT_TRUE(descendants().empty());
}

TEST_F(FirstApplication, DevSaysThatANodeHasDiedAndEndsTheOthers) {
    const auto dev = start({"dev"});
    ASSERT_TRUE(dev->says("nodes are ready")) << dev->out() << dev->err();
    for (const pid_t pid : descendants()) {
        if (command_line(pid).find("--name field") != std::string::npos) {
            ::kill(pid, SIGKILL);
        }
    }
    EXPECT_EQ(dev->wait(), 1);
    EXPECT_THAT(dev->err(), HasSubstr("field was killed by signal 9"));
    EXPECT_TRUE(descendants().empty());
}

TEST_F(FirstApplication, DevSaysWhichNodesItDoesNotStart) {
    std::string text = read("authex.yaml");
    text = std::regex_replace(text,
                              std::regex("cloud: \\{ tee: native, address: \\S+"),
                              "cloud: { tee: native, address: cloud.example.org:6000");
    std::ofstream(app() / "authex.yaml") << text;
    const auto dev = start({"dev"});
    EXPECT_TRUE(dev->says("1 node is ready")) << dev->out() << dev->err();
    EXPECT_THAT(dev->out(), HasSubstr("not started: cloud.example.org:6000"));
    dev->signal(SIGINT);
    EXPECT_EQ(dev->wait(), 0);
}

TEST_F(FirstApplication, LogsAreFollowedUntilCtrlC) {
    const auto dev = start({"dev", "--up"});
    ASSERT_TRUE(dev->says("app is up")) << dev->out() << dev->err();
    const auto logs = start({"logs", "-f", "button"});
    ASSERT_EQ(authex({"output", "press"}).status, 0);
    EXPECT_TRUE(logs->says("pressed")) << logs->out() << logs->err();
    EXPECT_TRUE(logs->running());
    logs->signal(SIGINT);
    EXPECT_EQ(logs->wait(), 0);
}

} // namespace
} // namespace authex::test
