// Files that were cut, changed, or are of somebody else or of another release.
#include <csignal>
#include <fstream>
#include <random>
#include <sqlite3.h>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void run_sql(const fs::path& database, const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(database.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
}

/// A database without a journal beside it, so that it can be copied.
void settle(const fs::path& database) {
    run_sql(database, "PRAGMA wal_checkpoint(TRUNCATE)");
    for (const char* end : {"-wal", "-shm"}) {
        fs::remove(database.string() + end);
    }
}

/// What may happen to a file, by name.
std::vector<std::pair<std::string, std::string>> damages(const std::string& sound) {
    std::vector<std::pair<std::string, std::string>> all = {
        {"cut in half", sound.substr(0, sound.size() / 2)},
        {"cut to its first bytes", sound.substr(0, 10)},
        {"no database", std::string(sound.size(), 'x')},
        {"zeros", std::string(sound.size(), '\0')},
    };
    std::mt19937 random(1);
    for (int i = 0; i < 6; ++i) {
        std::string flipped = sound;
        for (int j = 0; j < 64; ++j) {
            flipped[random() % flipped.size()] ^= static_cast<char>(1U << random() % 8);
        }
        all.emplace_back("with flipped bits, " + std::to_string(i), flipped);
    }
    return all;
}

class Damage : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
        world_.begin({.events = 10, .batch = 10});
        ASSERT_TRUE(world_.arrives(10));
    }
    [[nodiscard]] fs::path state() const { return world_.folder() / ".authex/state.db"; }
    /// All goes on where it was.
    void expect_whole() {
        EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
        const std::uint32_t before = world_.taken().events;
        world_.begin({.events = 10, .batch = 10});
        EXPECT_TRUE(world_.arrives(before + 10));
    }
    Counted world_;
};

TEST_F(Damage, OfTheDeployersStateIsNamedChangesNothingAndACopyPutBackGoesOn) {
    settle(state());
    const std::string sound = read_file(state());
    for (const auto& [what, damaged] : damages(sound)) {
        write_file(state(), damaged);
        for (const char* command : {"status", "up", "down"}) {
            const Result result = world_.authex({command});
            ASSERT_THAT(result.status, AnyOf(0, 1)) << what << command << result.err;
            if (result.status == 1) {
                EXPECT_THAT(result.err, AllOf(HasSubstr("state"), HasSubstr("fix"))) << what;
            } else {
                break; // bits that nobody reads were flipped
            }
        }
        for (const char* end : {"-wal", "-shm"}) {
            fs::remove(state().string() + end);
        }
        write_file(state(), sound);
    }
    ASSERT_NE(world_.module_process("relay"), 0) << "no command took down what it cannot know";
    expect_whole();
}

TEST_F(Damage, StateOfAnotherProgramOrANewerReleaseIsRefusedAndLeftAlone) {
    settle(state());
    const std::string sound = read_file(state());
    fs::remove(state());
    run_sql(state(), "CREATE TABLE photo (name TEXT); INSERT INTO photo VALUES ('sea')");
    const std::string foreign = read_file(state());
    Result result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("state.db"));
    EXPECT_EQ(read_file(state()), foreign);

    write_file(state(), sound);
    run_sql(state(), "PRAGMA user_version = 99");
    settle(state());
    const std::string newer = read_file(state());
    result = world_.authex({"up"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("newer"));
    EXPECT_EQ(read_file(state()), newer);

    write_file(state(), sound);
    expect_whole();
}

TEST_F(Damage, WithoutItsStateTheDeployerBeginsAnewBesideTheOldDeployment) {
    const pid_t before = world_.module_process("relay");
    for (const char* end : {"", "-wal", "-shm"}) {
        fs::remove(state().string() + end);
    }
    world_.must({"up"});
    EXPECT_NE(world_.module_process("relay"), before);
    world_.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world_.arrives(10));
}

TEST_F(Damage, OfAManagersRecordsIsNamedAndACopyPutBackGoesOn) {
    const fs::path records = world_.state("right") / "node.db";
    world_.manager("right").signal(SIGTERM);
    (void)world_.manager("right").wait();
    settle(records);
    const std::string sound = read_file(records);
    std::vector<std::pair<std::string, std::string>> all = damages(sound);
    run_sql(records, "PRAGMA user_version = 99");
    settle(records);
    all.emplace_back("of a newer release", read_file(records));
    for (const auto& [what, damaged] : all) {
        write_file(records, damaged);
        Process manager({.words = {program("authex-em"),
                                   "--listen",
                                   "127.0.0.1:0",
                                   "--state",
                                   world_.state("right"),
                                   "--ready-fd",
                                   "1"},
                         .folder = {},
                         .input = {}});
        // Where nothing that matters was flipped, it serves.
        ASSERT_TRUE(eventually([&] {
            return !manager.running() || manager.out().find("pid") != std::string::npos;
        })) << what;
        if (!manager.running()) {
            EXPECT_EQ(manager.wait(), 1) << what;
            EXPECT_THAT(manager.err(), HasSubstr("node.db")) << what;
        }
        manager.signal(SIGKILL);
        (void)manager.wait();
        for (const char* end : {"-wal", "-shm"}) {
            fs::remove(records.string() + end);
        }
        write_file(records, sound);
    }
    ASSERT_NE(world_.module_process("relay"), 0);
    world_.restart_manager("right");
    expect_whole();
}

TEST_F(Damage, OfKeptFramesSetsThemAsideTellsAndANewEpochGoesOn) {
    ::kill(world_.module_process("sink"), SIGSTOP);
    world_.begin({.events = 100, .batch = 10});
    ASSERT_TRUE(eventually([&] { return world_.sent() == 110; }));
    world_.manager("right").signal(SIGKILL);
    (void)world_.manager("right").wait();
    std::size_t damaged = 0;
    for (const auto& entry : fs::recursive_directory_iterator(world_.state("right") / "frames")) {
        if (entry.is_regular_file()) {
            std::string bytes = read_file(entry.path());
            bytes[0] ^= 1; // its magic number
            write_file(entry.path(), bytes);
            ++damaged;
        }
    }
    EXPECT_GT(damaged, 0U);
    world_.restart_manager("right");
    ::kill(world_.module_process("sink"), SIGCONT);
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"logs"}).out.find("damaged") != std::string::npos;
    })) << world_.authex({"logs"}).out;
    // The frames are gone, and a gap is never taken: the owner says that it goes on without them.
    EXPECT_EQ(world_.taken().gaps, 0U);
    world_.must({"connect", "--again", "--connection", "back"});
    world_.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(eventually([&] { return world_.taken().expected == 120; }));
    EXPECT_LE(world_.taken().gaps, 1U) << "none, if the module had all of them already";
    EXPECT_EQ(world_.taken().behind, 0U);
}

TEST_F(Damage, OfTheDescriptorIsExit2WithThePlaceAndTheNodesGoOn) {
    const std::string sound = world_.read("native.yaml");
    for (const auto& [what, damaged] : damages(sound)) {
        world_.write("native.yaml", damaged);
        const Result result = world_.authex({"up"});
        ASSERT_EQ(result.status, 2) << what << result.out << result.err;
        EXPECT_THAT(result.err, HasSubstr("native.yaml")) << what;
    }
    world_.write("native.yaml", sound);
    expect_whole();
}

} // namespace
} // namespace authex::test
