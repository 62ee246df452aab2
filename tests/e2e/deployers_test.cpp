// Several deployers, who may or may not know of each other.
#include <csignal>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(TwoDeployers, InOneFolderWaitOrAreToldWhoIsAtWork) {
    Counted world;
    world.start_managers();
    world.must({"build"});
    world.manager("right").signal(SIGSTOP);
    const auto first = world.start_authex({"--timeout", "60", "up"});
    const fs::path lock = world.folder() / ".authex/lock";
    const std::string holder = std::to_string(first->pid());
    ASSERT_TRUE(eventually(
        [&] { return fs::exists(lock) && world.read(".authex/lock").find(holder) == 0; }));
    const Result second = world.authex({"up"});
    EXPECT_EQ(second.status, 1);
    EXPECT_THAT(second.err, AllOf(HasSubstr("process " + holder), HasSubstr("wait")));
    world.manager("right").signal(SIGCONT);
    EXPECT_EQ(first->wait(), 0) << first->err();
    EXPECT_THAT(world.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST(TwoDeployers, OfDifferentApplicationsOnTheSameNodesDoNotSeeEachOther) {
    Counted world;
    world.start_managers();
    world.must({"up"});
    const fs::path folder = world.folder().parent_path() / "other";
    fs::copy(world.folder(), folder, fs::copy_options::recursive);
    fs::remove(folder / ".authex/state.db");
    const auto other = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {program("authex"), "-f", "native.yaml"});
        return run({.words = arguments, .folder = folder, .input = {}});
    };
    Result result = other({"up"});
    ASSERT_EQ(result.status, 0) << result.err;
    world.begin({.events = 100, .batch = 10});
    EXPECT_TRUE(world.arrives(100));
    result = other({"request", "taken", "--raw"});
    EXPECT_EQ(result.out, std::string(16, '\0')) << "the same names, and nothing of it";
    result = other({"down"});
    EXPECT_EQ(result.status, 0) << result.err;
    world.begin({.events = 100, .batch = 10});
    EXPECT_TRUE(world.arrives(200));
}

TEST(TwoDeployers, OfTwoAuthoritiesCannotTouchTheDeploymentOfTheOther) {
    Counted world;
    world.start_managers_with_tls();
    world.must({"up"});
    // A colleague with the owner key and the state of this deployment, but an authority of their
    // own, which the nodes take too.
    const fs::path folder = world.folder().parent_path() / "colleague";
    fs::copy(world.folder(), folder, fs::copy_options::recursive);
    fs::remove_all(folder / ".authex/tls");
    const auto colleague = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {program("authex"), "-f", "native.yaml"});
        return run({.words = arguments, .folder = folder, .input = {}});
    };
    ASSERT_EQ(colleague({"node", "bundle", "left", "--out", "own"}).status, 0);
    const Result stranger = colleague({"reset"});
    EXPECT_EQ(stranger.status, 1);
    EXPECT_THAT(stranger.err, Not(HasSubstr("another owner"))) << "it is not let in at all";
    world.write("tls/ca.crt", world.read("tls/ca.crt") + world.read(folder / "own/ca.crt"));
    for (const char* node : {"left", "right"}) {
        world.manager(node).signal(SIGTERM);
        (void)world.manager(node).wait();
        world.restart_manager(node);
    }
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"up"}, {"reset"}, {"output", "begin", "--hex", "00"}}) {
        const Result result = colleague(command);
        EXPECT_EQ(result.status, 1) << command.front() << result.out;
        EXPECT_THAT(result.err, HasSubstr("belongs to another owner")) << command.front();
    }
    world.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world.arrives(10));
}

} // namespace
} // namespace authex::test
