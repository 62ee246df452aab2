#include "deployer/journal.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

using std::chrono::system_clock;

JournalEntry entry(int number) {
    return {.time = system_clock::time_point(std::chrono::seconds(number)),
            .act = "heal",
            .subject = "module relay",
            .cause = "failed: killed by signal 9 (SIGKILL)",
            .result = std::to_string(number),
            .took = std::chrono::milliseconds(7)};
}

TEST(Journal, TellsTheLastActsInTheirOrder) {
    const test::TemporaryFolder folder;
    const Journal journal(folder.path());
    EXPECT_TRUE(journal.last(10).empty());
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(journal.add(entry(i)));
    }
    const auto last = journal.last(2);
    ASSERT_EQ(last.size(), 2U);
    EXPECT_EQ(last[0].result, "3");
    EXPECT_EQ(last[1].result, "4");
    EXPECT_EQ(last[1].subject, "module relay");
    EXPECT_EQ(last[1].cause, entry(4).cause);
    EXPECT_EQ(last[1].time, entry(4).time);
    EXPECT_EQ(last[1].took, entry(4).took);
}

TEST(Journal, DoesNotGrowWithoutEnd) {
    const test::TemporaryFolder folder;
    const Journal journal(folder.path(), 4096);
    for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(journal.add(entry(i)));
    }
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
        bytes += file.file_size();
    }
    EXPECT_LE(bytes, 2 * 4096U);
    const auto last = journal.last(1000);
    ASSERT_GT(last.size(), 10U);
    EXPECT_EQ(last.back().result, "499");
    EXPECT_EQ(last.front().result, std::to_string(500 - last.size())) << "without a gap";
}

TEST(Journal, LeavesOutLinesThatAreNone) {
    const test::TemporaryFolder folder;
    const Journal journal(folder.path());
    ASSERT_TRUE(journal.add(entry(1)));
    std::ofstream(folder.path() / "journal.jsonl", std::ios::app) << "{\"time_us\": 1, \"ac\n7\n";
    ASSERT_TRUE(journal.add(entry(2)));
    EXPECT_EQ(journal.last(10).size(), 2U);
}

TEST(Journal, IsForItsOwnerAlone) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(Journal(folder.path()).add(entry(1)));
    const auto mode = std::filesystem::status(folder.path() / "journal.jsonl").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Journal, SaysWhereItCannotBeWritten) {
    const auto added = Journal("/nowhere/at/all").add(entry(1));
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, "file-unwritable");
}

} // namespace
} // namespace authex::deployer
