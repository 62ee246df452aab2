#include "deployer/backup.hpp"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "crypto/kdf.hpp"
#include "deployer/credentials.hpp"
#include "deployer/sealed_file.hpp"
#include "deployer/state.hpp"
#include "deployer/state_marks.hpp"
#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

using testing::HasSubstr;

constexpr const char* passphrase = "correct horse";

template <typename T>
std::string code(const Expected<T>& outcome) {
    return outcome ? "done" : outcome.error().code;
}

std::string read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class Backup : public testing::Test {
  protected:
    void SetUp() override {
        descriptor.application = "app";
        ASSERT_TRUE(open_owner_key(old_state()));
        ASSERT_TRUE(open_deployer_tls(old_state()));
        const auto state = State::open(old_state(), StateUse::change);
        ASSERT_TRUE(state);
        ASSERT_TRUE((*state)->set_deployment(77));
        Change change;
        change.used_keys = {crypto::sha256(std::vector<std::uint8_t>{1})};
        ASSERT_TRUE((*state)->commit(change));
    }
    [[nodiscard]] std::filesystem::path old_state() const { return folder.path() / "old"; }
    [[nodiscard]] std::filesystem::path new_state() const { return folder.path() / "new/.authex"; }
    [[nodiscard]] std::filesystem::path file() const { return folder.path() / "copy.authex"; }
    Expected<bool> write(bool move = false) {
        return write_backup({.state_directory = old_state(),
                             .file = file(),
                             .application = "app",
                             .passphrase = passphrase,
                             .move = move});
    }
    Expected<std::string> restore(bool replace = false, const char* phrase = passphrase) {
        return restore_backup({.state_directory = new_state(),
                               .file = file(),
                               .passphrase = phrase,
                               .replace = replace},
                              descriptor);
    }
    /// A file with this content in the place of the backup's.
    void forge(const nlohmann::json& content) {
        std::string bytes;
        nlohmann::json::to_cbor(content, bytes);
        std::ofstream(file(), std::ios::binary) << *seal_file(bytes, passphrase);
    }
    static nlohmann::json stored(const std::string& name) {
        return {{"name", name},
                {"everyone_reads", false},
                {"content", nlohmann::json::binary({1, 2, 3})}};
    }

    test::TemporaryFolder folder;
    descriptor::Descriptor descriptor;
};

TEST_F(Backup, TakesNoStateBackThatIsWithADelegate) {
    ASSERT_TRUE(write());
    ASSERT_TRUE(restore());
    ASSERT_TRUE(write_delegation(delegated_mark(new_state()), {.name = "keeper", .id = "1"}));
    EXPECT_EQ(code(restore(true)), "state-delegated");
}

TEST_F(Backup, BringsKeysCertificatesAndState) {
    ASSERT_TRUE(write());
    ASSERT_EQ(restore().value(), "app");
    for (const char* name : {"owner.key", "owner.pub", "tls/ca.key", "tls/deployer.crt"}) {
        EXPECT_EQ(read(new_state() / name), read(old_state() / name)) << name;
    }
    struct stat info {};
    ASSERT_EQ(::stat((new_state() / "owner.key").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    const auto state = State::open(new_state(), StateUse::change);
    ASSERT_TRUE(state);
    EXPECT_EQ((*state)->deployment(), 77);
    EXPECT_TRUE((*state)->key_used(crypto::sha256(std::vector<std::uint8_t>{1})).value());
}

TEST_F(Backup, IsForItsOwnerAloneAndReplacesNoFile) {
    ASSERT_TRUE(write());
    struct stat info {};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    EXPECT_EQ(read(file()).find(read(old_state() / "owner.key").substr(0, 32)), std::string::npos);
    EXPECT_EQ(code(write()), "file-exists");
}

TEST_F(Backup, LeavesTheNodesOfThisMachineOut) {
    folder.write("old/dev/field/evidence.key", "secret of a node");
    ASSERT_TRUE(write());
    ASSERT_TRUE(restore());
    EXPECT_FALSE(std::filesystem::exists(new_state() / "dev"));
}

// P64
TEST_F(Backup, TakesGivenKeysThatItDoesNotKnowAsUsed) {
    descriptor::Connection connection;
    connection.key = std::array<std::uint8_t, 16>{9};
    ASSERT_TRUE(write());
    descriptor.connections.push_back(connection);
    ASSERT_TRUE(restore());
    const auto state = State::open(new_state(), StateUse::look);
    EXPECT_TRUE((*state)->key_used(crypto::sha256(*connection.key)).value());
}

TEST_F(Backup, AMovedApplicationIsChangedHereNoMore) {
    ASSERT_TRUE(write(true));
    EXPECT_EQ(code(State::open(old_state(), StateUse::change)), "state-moved");
    EXPECT_TRUE(State::open(old_state(), StateUse::look));
    std::filesystem::remove(file());
    EXPECT_EQ(code(write()), "state-moved");
}

TEST_F(Backup, ComesBackToWhereItWasMovedFrom) {
    ASSERT_TRUE(write(true));
    const RestoreRequest back{
        .state_directory = old_state(), .file = file(), .passphrase = passphrase, .replace = true};
    ASSERT_TRUE(restore_backup(back, descriptor));
    EXPECT_TRUE(State::open(old_state(), StateUse::change));
}

TEST_F(Backup, ReplacesAStateOnlyIfAskedTo) {
    ASSERT_TRUE(write());
    ASSERT_TRUE(restore());
    EXPECT_EQ(code(restore()), "state-exists");
    EXPECT_EQ(code(restore(true)), "done");
}

TEST_F(Backup, RemembersTheKeysThatTheReplacedStateHadUsed) {
    ASSERT_TRUE(write());
    ASSERT_TRUE(restore());
    const auto later = crypto::sha256(std::vector<std::uint8_t>{2});
    {
        const auto state = State::open(new_state(), StateUse::change);
        Change change;
        change.used_keys = {later};
        ASSERT_TRUE((*state)->commit(change));
    }
    ASSERT_TRUE(restore(true));
    const auto state = State::open(new_state(), StateUse::look);
    EXPECT_TRUE((*state)->key_used(later).value());
}

TEST_F(Backup, OfAnotherApplicationIsRefused) {
    ASSERT_TRUE(write());
    descriptor.application = "other";
    EXPECT_EQ(code(restore()), "application-differs");
    EXPECT_FALSE(std::filesystem::exists(new_state() / "owner.key"));
}

TEST_F(Backup, WithAnotherPassphraseChangesNothing) {
    ASSERT_TRUE(write());
    EXPECT_EQ(code(restore(false, "wrong")), "export-unopened");
    EXPECT_FALSE(std::filesystem::exists(new_state()));
}

TEST_F(Backup, IsNotWrittenWhileAnotherChangesTheState) {
    const auto held = State::open(old_state(), StateUse::change);
    EXPECT_EQ(code(write()), "state-locked");
}

TEST_F(Backup, OfNothingIsRefused) {
    EXPECT_EQ(code(write_backup({.state_directory = folder.path() / "empty",
                                 .file = file(),
                                 .application = "app",
                                 .passphrase = passphrase})),
              "owner-key-missing");
}

TEST_F(Backup, ThatIsMissingSaysSo) {
    EXPECT_EQ(code(restore()), "file-unreadable");
}

TEST_F(Backup, NamesNoFileOutsideOfTheStateDirectory) {
    for (const char* name :
         {"../x", "/tmp/x", "", "a/../../x", ".", "lock", "dev/x", "./x", "a//b"}) {
        forge({{"version", 1},
               {"application", "app"},
               {"files", {stored("state.db"), stored("owner.key"), stored(name)}}});
        EXPECT_EQ(code(restore()), "export-malformed") << name;
    }
    EXPECT_FALSE(std::filesystem::exists(new_state()));
}

TEST_F(Backup, ThatIsNotWholeIsRefused) {
    for (const nlohmann::json& content :
         {nlohmann::json(),
          nlohmann::json::array(),
          nlohmann::json{{"version", 2}},
          nlohmann::json{{"version", 1}, {"application", "app"}, {"files", 3}},
          nlohmann::json{{"version", 1}, {"application", "app"}, {"files", {stored("owner.key")}}},
          nlohmann::json{{"version", 1},
                         {"application", "app"},
                         {"files", {stored("owner.key"), stored("owner.key"), stored("state.db")}}},
          nlohmann::json{{"version", "1"}, {"application", 1}, {"files", {{{"name", 1}}}}}}) {
        forge(content);
        EXPECT_EQ(code(restore()), "export-malformed") << content.dump();
    }
}

TEST_F(Backup, WithADamagedDatabaseLeavesNoneThatCouldBeUsed) {
    forge({{"version", 1},
           {"application", "app"},
           {"files", {stored("state.db"), stored("owner.key")}}});
    EXPECT_EQ(code(restore()), "state-damaged");
    EXPECT_FALSE(std::filesystem::exists(new_state() / "state.db"));
}

} // namespace
} // namespace authex::deployer
