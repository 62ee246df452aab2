// A disk that fails below a durable node, and works again.
#include <atomic>
#include <cerrno>

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "em/data/plane_nodes.hpp"
#include "em/outbox_file.hpp"
#include "support/router_world.hpp"
#include "support/temporary_folder.hpp"

namespace {
std::atomic<int> disk_error{0}; ///< errno of each write, 0: it works
} // namespace

extern "C" {
int __real_msync(void* address, std::size_t bytes, int flags);
int __wrap_msync(void* address, std::size_t bytes, int flags) {
    errno = disk_error;
    return errno != 0 ? -1 : __real_msync(address, bytes, flags);
}
int __real_fsync(int file);
int __wrap_fsync(int file) {
    errno = disk_error;
    return errno != 0 ? -1 : __real_fsync(file);
}
}

namespace authex::em {
namespace {

using namespace plane_test;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// a on node 0, durable, joined to b on node 1.
class RouterOnAFailingDisk : public testing::Test {
  protected:
    void SetUp() override {
        world.node(0).durable = true;
        for (const auto& module : {a, b}) {
            module->attest();
        }
        id = world.node(0).add("a", a);
        world.node(1).add("b", b);
        world.node(1).route({.deployment = 1,
                             .channel = 1,
                             .epoch = 1,
                             .destination_module = "b",
                             .source_address = test::RouterWorld::address(0)});
        world.node(0).route({.deployment = 1,
                             .channel = 1,
                             .epoch = 1,
                             .source_module = "a",
                             .destination_address = test::RouterWorld::address(1)});
        b->connect(1, test::endpoint_in, false, 1);
        a->connect(1, test::endpoint_out, true, 1);
        ASSERT_TRUE(world.settle());
    }
    test::RouterNode& node() { return world.node(0); }

    test::RouterWorld world{1};
    std::shared_ptr<MemoryModule> a = std::make_shared<MemoryModule>(1);
    std::shared_ptr<MemoryModule> b = std::make_shared<MemoryModule>(1);
    ModuleId id = no_id;
};

TEST_F(RouterOnAFailingDisk, ForgetsNothingAndGoesOnByItselfWhenItWorks) {
    node().disk_fails = true;
    a->ledger.owed = 3;
    ASSERT_TRUE(world.settle());
    const std::size_t kept = a->output().size();
    EXPECT_GT(kept, 0U);
    EXPECT_THAT(node().said, Contains("a sector is gone"));
    a->ledger.owed = 2;
    ASSERT_TRUE(world.settle());
    EXPECT_GT(a->output().size(), kept);
    node().disk_fails = false;
    node().said.clear();
    for (int step = 0; step < 5000 && !a->output().empty(); ++step) {
        world.step({});
    }
    EXPECT_TRUE(a->output().empty());
    EXPECT_THAT(node().said, ElementsAre("works"));
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(b->ledger.taken[test::endpoint_in], 5U);
    EXPECT_EQ(b->ledger.out_of_order, 0U);
}

TEST_F(RouterOnAFailingDisk, TriesItNowAndThenOnly) {
    node().disk_fails = true;
    a->ledger.owed = 3;
    const std::uint64_t begin = world.now_us();
    while (world.now_us() - begin < 10'000'000) {
        world.step({});
    }
    EXPECT_GE(node().said.size(), 9U);
    EXPECT_LE(node().said.size(), 11U);
}

TEST_F(RouterOnAFailingDisk, WhatADeadProcessHasLeftIsNotTakenBeforeItWorks) {
    a->ledger.owed = 1;
    ASSERT_TRUE(a->run());
    const Bytestring frames(a->output().begin(), a->output().end());
    a->consume(frames.size());
    node().disk_fails = true;
    EXPECT_FALSE(node().router().go_on_with(id, frames));
    node().disk_fails = false;
    ASSERT_TRUE(world.settle()) << "though the module says nothing";
    EXPECT_TRUE(node().router().go_on_with(id, frames));
    EXPECT_THAT(node().said, ElementsAre("a sector is gone", "works"));
}

class FailingDisk : public testing::Test {
  protected:
    ~FailingDisk() override { disk_error = 0; }
    test::TemporaryFolder folder;
};

TEST_F(FailingDisk, WhatAKernelMayTakeForWrittenIsWrittenAnew) {
    const auto path = folder.path() / "queue" / "q";
    std::filesystem::create_directories(path.parent_path());
    const auto store = *FileStore::open(path, true);
    const auto inode = [&] {
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return status.st_ino;
    };
    ASSERT_TRUE(store->replace(4096, [](Bytes bytes) { bytes[7] = 1; }));
    ASSERT_TRUE(store->sync());
    const auto first = inode();
    ASSERT_TRUE(store->sync());
    EXPECT_EQ(inode(), first);
    disk_error = EIO;
    store->bytes()[8] = 2;
    const Expected<bool> failed = store->sync();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "disk-failed");
    EXPECT_THAT(failed.error().summary, AllOf(HasSubstr(path.string()), HasSubstr("Input/output")));
    EXPECT_FALSE(store->sync());
    disk_error = ENOSPC;
    EXPECT_THAT(store->sync().error().fix, HasSubstr("make room"));
    EXPECT_EQ(inode(), first);
    disk_error = 0;
    ASSERT_TRUE(store->sync());
    EXPECT_NE(inode(), first) << "another file, so that each page of it is written";
    EXPECT_EQ(store->bytes()[7], 1);
    EXPECT_EQ(store->bytes()[8], 2);
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".new"));
    const auto later = *FileStore::open(path, true);
    const auto second = inode();
    ASSERT_TRUE(later->sync());
    EXPECT_NE(inode(), second) << "the process before may have been told, and died";
}

TEST_F(FailingDisk, IsLoggedOnceCountedAndShownUntilItWorks) {
    Node to;
    Node from({.state_directory = folder.path(), .durable = true});
    join(from, to, to.plane->events_address());
    expect_arrives(from, to, 10);
    disk_error = EIO;
    from.emit("a", 3);
    EXPECT_TRUE(eventually([&] { return from.plane->snapshot().disk_failures >= 2; }));
    const Snapshot meanwhile = from.plane->snapshot();
    ASSERT_EQ(meanwhile.held_up.size(), 1U);
    EXPECT_EQ(meanwhile.held_up[0].module.name, "a");
    EXPECT_THAT(meanwhile.held_up[0].reason, HasSubstr(folder.path().string()));
    disk_error = 0;
    EXPECT_TRUE(eventually([&] { return from.plane->snapshot().held_up.empty(); }))
        << "though the module says nothing more";
    EXPECT_EQ(to.report("b").taken_in, 13U);
    const std::scoped_lock lock(from.watcher.mutex);
    EXPECT_THAT(
        from.watcher.lines,
        ElementsAre(AllOf(HasSubstr(folder.path().string()), HasSubstr("Input/output error")),
                    HasSubstr("works again")));
}

} // namespace
} // namespace authex::em
