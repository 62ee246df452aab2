// A disk that is full, or cannot be written any more.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "counted.hpp"
#include "support/namespaces.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class ManagersDisk : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string why;
        disk_ = PrivateDisk::mount(world_.state("right"), 8U << 20U, why);
        if (disk_ == nullptr) {
            GTEST_SKIP() << why;
        }
        world_.run_manager_in("right", disk_->inside("/"));
        world_.start_managers();
    }
    Counted world_;
    std::unique_ptr<PrivateDisk> disk_;
};

TEST_F(ManagersDisk, FullDuringUpIsNamedAndUpGoesOnWhenThereIsRoom) {
    disk_->fill();
    const Result up = world_.authex({"up"});
    EXPECT_EQ(up.status, 1) << up.out;
    EXPECT_THAT(
        up.err,
        AllOf(HasSubstr("right"), AnyOf(HasSubstr("No space left"), HasSubstr("disk is full"))));
    EXPECT_TRUE(world_.manager("right").running());
    disk_->make_room();
    world_.must({"up"});
    world_.begin({.events = 100, .batch = 10});
    EXPECT_TRUE(world_.arrives(100));
}

TEST_F(ManagersDisk, FullUnderLoadHoldsUpWhatHasNoRoomAndLosesNothing) {
    world_.must({"up"});
    // What waits for a module that takes nothing needs room.
    ::kill(world_.module_process("sink"), SIGSTOP);
    disk_->fill();
    world_.begin({.events = 20'000, .bytes = 1000, .batch = 16, .pause_us = 0});
    world_.begin_beside({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives_beside(1000)) << "what needs no more room goes on";
    EXPECT_TRUE(world_.manager("right").running());
    ::kill(world_.module_process("sink"), SIGCONT);
    EXPECT_TRUE(world_.arrives(20'000)) << "still full";
    disk_->make_room();
    world_.begin({.events = 1000, .bytes = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(21'000));
}

// Room for a state is taken when its module is loaded: keeping it needs no more. A process that
// begins anew needs some.
TEST_F(ManagersDisk, FullWhileAStateIsKeptLosesNothing) {
    world_.replace(
        "native.yaml", "relay:  { node: right, ", "relay:  { node: right, persist: true, ");
    world_.must({"up"});
    disk_->fill();
    world_.begin({.events = 5000, .bytes = 64, .batch = 8, .pause_us = 200});
    EXPECT_TRUE(world_.arrives(5000)) << "full";
    ::kill(world_.module_process("relay"), SIGKILL);
    ASSERT_TRUE(eventually([&] { return world_.module_process("relay") == 0; }));
    world_.begin({.events = 1000, .bytes = 64, .batch = 8, .pause_us = 200});
    const Result up = world_.authex({"up"});
    EXPECT_EQ(up.status, 1) << up.out;
    EXPECT_THAT(up.err, AnyOf(HasSubstr("No space left"), HasSubstr("disk is full")));
    disk_->make_room();
    world_.must({"up"});
    EXPECT_TRUE(world_.arrives(6000));
}

TEST_F(ManagersDisk, ReadOnlyIsNamedAndEventsGoOn) {
    world_.must({"up"});
    ASSERT_EQ(world_.module("relay").at("state"), "running");
    // A file system with files that are open for writing is made read-only only by force, like a
    // disk that fails: what was mapped stays. Where the kernel refuses, this says nothing.
    if (!disk_->set_read_only(true)) {
        GTEST_SKIP() << "the kernel keeps a disk writable while files on it are written to";
    }
    world_.begin({.events = 100, .batch = 10});
    EXPECT_TRUE(world_.arrives(100));
    world_.replace("relay.cpp", "give(event.data);", "give(event.data); // again");
    const Result up = world_.authex({"up"});
    EXPECT_TRUE(disk_->set_read_only(false));
    world_.must({"up"});
}

TEST(ManagersStart, OnADiskThatCannotBeWrittenIsRefusedWithTheReason) {
    for (const bool full : {true, false}) {
        const TemporaryFolder folder;
        std::string why;
        const auto disk = PrivateDisk::mount(folder.path() / "state", 1U << 20U, why);
        if (disk == nullptr) {
            GTEST_SKIP() << why;
        }
        if (full) {
            disk->fill();
        } else {
            ASSERT_TRUE(disk->set_read_only(true));
        }
        std::vector<std::string> words = disk->inside("/");
        words.insert(
            words.end(),
            {program("authex-em"), "--listen", "127.0.0.1:0", "--state", folder.path() / "state"});
        const Result result = run({.words = words, .folder = {}, .input = {}});
        EXPECT_EQ(result.status, 1) << result.err;
        EXPECT_THAT(result.err, HasSubstr((folder.path() / "state").string()));
        EXPECT_THAT(result.err,
                    full ? AnyOf(HasSubstr("No space left"), HasSubstr("full"))
                         : AnyOf(HasSubstr("Read-only"), HasSubstr("readonly")));
    }
}

/// Nodes that wait for their disks; the one of `right` can be told to fail.
class DurableNodes : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.replace(
            "native.yaml", "relay:  { node: right, ", "relay:  { node: right, persist: true, ");
        world_.write("disk", std::string(1, '\0'));
    }
    void start(std::vector<std::string> environment) {
        environment.insert(environment.begin(), "/usr/bin/env");
        world_.run_manager_in("right", environment);
        world_.start_managers({"--durable", "--metrics", "127.0.0.1:0"});
        world_.must({"up"});
    }
    /// Written into, for it is mapped.
    void set_failing(bool fails) {
        std::fstream(world_.folder() / "disk", std::ios::in | std::ios::out)
            .put(fails ? '1' : '\0');
    }
    Counted world_;
};

TEST_F(DurableNodes, ADiskThatFailsIsNamedWhateverShowsTroubleAndAllGoesOnWhenItWorks) {
    start({std::string("LD_PRELOAD=") + AUTHEX_FAILING_DISK,
           "AUTHEX_TEST_DISK=" + (world_.folder() / "disk").string(),
           "ASAN_OPTIONS=verify_asan_link_order=0"});
    world_.begin({.events = 100, .batch = 10});
    ASSERT_TRUE(world_.arrives(100));
    set_failing(true);
    world_.begin({.events = 100, .batch = 10});
    const auto trouble = [&] { return std::string(world_.module("relay").at("held_up")); };
    ASSERT_TRUE(eventually([&] { return !trouble().empty(); }));
    EXPECT_EQ(world_.module("relay").at("state"), "running");
    EXPECT_THAT(trouble(),
                AllOf(HasSubstr(world_.state("right").string()), HasSubstr("Input/output error")));
    EXPECT_THAT(world_.authex({"status"}).out, HasSubstr("Input/output error"));
    const std::string logs = world_.authex({"logs", "relay"}).out;
    EXPECT_THAT(logs, AllOf(HasSubstr("Input/output error"), HasSubstr("goes on by itself")));
    const std::string metrics =
        run({.words = {"/usr/bin/curl",
                       "-sS",
                       "http://" + world_.metrics_address("right") + "/metrics"},
             .folder = {},
             .input = {}})
            .out;
    EXPECT_THAT(metrics, ContainsRegex("authex_module_held_up\\{[^}]*relay[^}]*\\} 1"));
    EXPECT_THAT(metrics, ContainsRegex("authex_disk_failures_total [1-9]"));
    const auto watch = world_.start_authex({"watch"});
    const auto journal = [&] { return world_.authex({"journal"}).out; };
    EXPECT_TRUE(eventually([&] { return journal().find("disk right") != std::string::npos; }))
        << watch->err();
    watch->signal(SIGINT);
    watch->wait();
    set_failing(false);
    EXPECT_TRUE(eventually([&] { return trouble().empty(); }));
    EXPECT_TRUE(world_.arrives(200));
}

TEST_F(DurableNodes, AStateThatTheDiskDoesNotTakeEndsTheModuleWithItsReason) {
    const std::filesystem::path host = world_.folder() / "host";
    world_.write("host",
                 "#!/bin/sh\nif [ -e " + (world_.folder() / "fails").string() + " ]; then exec " +
                     AUTHEX_WITHOUT_DISK + " " + program("authex-host") + " \"$@\"; fi\nexec " +
                     program("authex-host") + " \"$@\"\n");
    std::filesystem::permissions(host, std::filesystem::perms::owner_all);
    start({"AUTHEX_HOST_PROGRAM=" + host.string()});
    world_.begin({.events = 100, .batch = 10});
    ASSERT_TRUE(world_.arrives(100));
    world_.write("fails", "");
    ::kill(world_.module_process("relay"), SIGKILL);
    ASSERT_TRUE(eventually([&] { return world_.module("relay").at("state") == "failed"; }));
    const Result up = world_.authex({"up"});
    EXPECT_EQ(up.status, 1) << up.out;
    const std::string failure = world_.module("relay").at("failure");
    EXPECT_THAT(failure,
                AllOf(HasSubstr("exit status 73"),
                      HasSubstr("disk"),
                      HasSubstr(world_.state("right").string()),
                      HasSubstr("authex up")));
    EXPECT_THAT(world_.authex({"logs", "relay"}).out, HasSubstr("exit status 73"));
    world_.begin({.events = 100, .batch = 10});
    std::filesystem::remove(world_.folder() / "fails");
    world_.must({"up"});
    EXPECT_TRUE(world_.arrives(200));
}

/// The deployer's state lies on a disk of its own.
class DeployersDisk : public ::testing::Test {
  protected:
    void SetUp() override {
        const std::string key = world_.read(".authex/owner.key");
        std::string why;
        disk_ = PrivateDisk::mount(world_.folder() / ".authex", 2U << 20U, why);
        if (disk_ == nullptr) {
            GTEST_SKIP() << why;
        }
        const std::filesystem::path owner = disk_->seen_from_outside() / "owner.key";
        std::ofstream(owner, std::ios::binary) << key;
        std::filesystem::permissions(owner, std::filesystem::perms::owner_read);
        world_.run_authex_in(disk_->inside(world_.folder()));
        world_.start_managers();
    }
    Counted world_;
    std::unique_ptr<PrivateDisk> disk_;
};

TEST_F(DeployersDisk, FullBeforeUpIsNamedAndUpGoesOnWhenThereIsRoom) {
    disk_->fill();
    const Result up = world_.authex({"up"});
    EXPECT_EQ(up.status, 1);
    EXPECT_THAT(up.err,
                AllOf(HasSubstr(".authex"), AnyOf(HasSubstr("room"), HasSubstr("No space left"))));
    disk_->make_room();
    world_.must({"up"});
    world_.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world_.arrives(10));
}

TEST_F(DeployersDisk, FullBetweenMessagesUsesNoCounterTwiceAndLosesNone) {
    world_.must({"up"});
    world_.begin({.events = 10, .batch = 10});
    disk_->fill();
    // Whatever of it is still taken: a message that is not told to be sent may not be half sent.
    std::uint32_t taken = 0;
    for (int i = 0; i < 20; ++i) {
        const Result result =
            world_.authex({"output", "begin", "--hex", "0a000000 2000 0100 00000000"});
        taken += result.status == 0 ? 1U : 0U;
        if (result.status != 0) {
            EXPECT_THAT(result.err, HasSubstr("room"));
        }
    }
    EXPECT_LT(taken, 20U) << "the disk was full";
    disk_->make_room();
    world_.begin({.events = 10, .batch = 10});
    // One that was kept and not sent goes along with the next: never one more than were ordered.
    EXPECT_TRUE(eventually([&] { return world_.taken().events >= 20U + 10U * taken; }));
    const Taken all = world_.taken();
    EXPECT_EQ(all.gaps + all.behind, 0U);
    EXPECT_EQ(world_.connection("begin").at("sent"), world_.connection("begin").at("accepted"));
    EXPECT_EQ(world_.connection("begin").at("refused"), 0);
}

TEST_F(DeployersDisk, ReadOnlyIsNamedAndNothingIsChanged) {
    world_.must({"up"});
    ASSERT_TRUE(disk_->set_read_only(true));
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"up"}, {"output", "begin", "--hex", "00"}, {"down"}}) {
        const Result result = world_.authex(command);
        EXPECT_EQ(result.status, 1) << command.front() << result.out;
        EXPECT_THAT(result.err, HasSubstr(".authex")) << command.front();
    }
    EXPECT_NE(world_.module_process("relay"), 0);
    ASSERT_TRUE(disk_->set_read_only(false));
    world_.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world_.arrives(10));
}

} // namespace
} // namespace authex::test
