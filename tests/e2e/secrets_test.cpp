// Configuration and secrets, from the descriptor into modules and nowhere else.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Secrets : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"secret", "set", "vault", "code", "--text", code});
        world_.must({"up"});
    }
    int open(const std::string& with) {
        return world_.authex({"request", "open", "--text", with}).status;
    }
    static constexpr const char* code = "4711-needle-in-the-haystack";
    World world_{"vault"};
};

TEST_F(Secrets, ReachTheirModuleAndConfigurationToo) {
    EXPECT_EQ(open(code), 0);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(open("1234"), 1);
    }
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "read"}).out == "0103000000\n";
    }));
    EXPECT_THAT(world_.authex({"logs", "alarm"}).out, HasSubstr("alarm"));
}

TEST_F(Secrets, AreTurnedWhileTheModuleRuns) {
    const pid_t process = world_.module_process("vault");
    world_.must({"secret", "set", "vault", "code", "--text", "0815"});
    EXPECT_EQ(open("0815"), 0);
    EXPECT_EQ(open(code), 1);
    EXPECT_EQ(world_.module_process("vault"), process);
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(Secrets, ChangedConfigurationIsPlannedAndGivenWithoutARestart) {
    const pid_t process = world_.module_process("alarm");
    EXPECT_EQ(open("1234"), 1);
    world_.replace("native.yaml", "limit: 3", "limit: 2");
    const std::string plan = world_.authex({"plan"}).out;
    EXPECT_THAT(plan, HasSubstr("configure"));
    EXPECT_THAT(plan, HasSubstr("config limit changed"));
    EXPECT_THAT(plan, Not(HasSubstr("load")));
    world_.must({"up"});
    EXPECT_EQ(open("1234"), 1);
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "read"}).out == "0102000000\n";
    }));
    EXPECT_EQ(world_.module_process("alarm"), process);
}

TEST_F(Secrets, AreGivenAnewToAModuleThatWasKilled) {
    ::kill(world_.module_process("vault"), SIGKILL);
    EXPECT_TRUE(eventually([&] { return world_.module("vault").at("state") == "failed"; }));
    world_.must({"up"});
    EXPECT_EQ(open(code), 0);
}

TEST_F(Secrets, StandNowhereOnDiskButInTheirFile) {
    EXPECT_EQ(open(code), 0);
    int files = 0;
    const std::filesystem::path root = world_.folder().parent_path();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (!entry.is_regular_file() || entry.path().filename() == "code.secret") {
            continue;
        }
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        EXPECT_EQ(text.find(code), std::string::npos) << entry.path();
        ++files;
    }
    EXPECT_GT(files, 10);
    EXPECT_EQ(std::filesystem::status(world_.folder() / "code.secret").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"status", "-v"}, {"logs"}, {"export", "--with-secrets"}}) {
        const Result result = world_.authex(words);
        EXPECT_THAT(result.out + result.err, Not(HasSubstr(code))) << words.front();
    }
    EXPECT_THAT(world_.manager("bank").err(), Not(HasSubstr(code)));
}

TEST_F(Secrets, ThatAreMissingAreNamedWhereTheyStand) {
    std::filesystem::remove(world_.folder() / "code.secret");
    const Result up = world_.authex({"up"});
    EXPECT_EQ(up.status, 2);
    EXPECT_THAT(up.err, HasSubstr("native.yaml:6:"));
    EXPECT_THAT(up.err, HasSubstr("secret code of module vault"));
    EXPECT_EQ(open(code), 0) << "what runs goes on";
}

} // namespace
} // namespace authex::test
