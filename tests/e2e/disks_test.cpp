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
