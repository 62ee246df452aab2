#include "deployer/state.hpp"

#include <filesystem>
#include <fstream>
#include <sqlite3.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

class StateTest : public testing::Test {
  protected:
    std::unique_ptr<State> open(StateUse use = StateUse::change) {
        auto state = State::open(folder.path(), use);
        EXPECT_TRUE(state) << to_text(state.error());
        return state ? std::move(*state) : nullptr;
    }
    std::string code_of_opening(StateUse use = StateUse::change) {
        const auto state = State::open(folder.path(), use);
        return state ? "opened" : state.error().code;
    }
    [[nodiscard]] fs::path file() const { return folder.path() / "state.db"; }

    static Change everything() {
        const std::vector<std::uint8_t> key(16, 0xAB);
        Change change;
        change.nodes = {{.name = "n",
                         .address = "[::1]:1",
                         .tee = "native",
                         .node_id = "00ff",
                         .evidence_key = {1, 2, 3}}};
        change.modules = {
            {.name = "m",
             .node = "n",
             .identity = {9},
             .image_sha256 = {8},
             .terms = "t",
             .endpoints = {{.name = "in", .kind = descriptor::EndpointKind::input, .id = 3}},
             .image_bytes = 7,
             .attested_at_us = 1'700'000'000'000'000,
             .incarnation = 4,
             .process = "p",
             .simulated = true,
             .disabled = true,
             .session = Secret(key),
             .keeping = KeepingStep::keep,
             .state_key = Secret(key),
             .state_key_before = Secret(key)}};
        change.connections = {
            {.id = 65535,
             .name = "c",
             .from = {.module = "a", .endpoint = "out", .id = 1, .incarnation = 2},
             .to = {.module = "m", .endpoint = "in", .id = 3, .incarnation = 4},
             .algorithm = crypto::Algorithm::spongent_128,
             .lossy = true,
             .deadline = 6,
             .within_us = 0xFFFFFFFF,
             .request = true,
             .given_key = true,
             .epoch = 0xFFFF'FFFF,
             .key = Secret(key),
             .complete = true,
             .source_node = "o",
             .destination_node = "n",
             .source_address = "x:1",
             .destination_address = "y:2",
             .next_counter = std::uint64_t{1} << 48U,
             .pending = {0, 1, 2},
             .window_open_since_us = 5,
             .turn = 3,
             .key_before = Secret(key),
             .turned_at = 77,
             .turning = true}};
        change.periodic = {
            {.name = "tick", .node = "n", .module = "m", .entry = 2, .every_us = 1000}};
        return change;
    }

    test::TemporaryFolder folder;
};

TEST_F(StateTest, IsTheSameInTheNextProcess) {
    {
        const auto state = open();
        ASSERT_TRUE(state->set_deployment(65535));
        ASSERT_TRUE(state->commit(everything()));
    }
    const auto state = open();
    EXPECT_EQ(state->deployment(), 65535);
    EXPECT_EQ(state->node("n")->evidence_key, (std::vector<std::uint8_t>{1, 2, 3}));
    const ModuleRecord& module = *state->module("m");
    EXPECT_EQ(module.endpoints.at(0).id, 3);
    EXPECT_EQ(module.attested_at_us, 1'700'000'000'000'000U);
    EXPECT_TRUE(module.disabled);
    EXPECT_EQ(module.session.view().size(), 16U);
    const ConnectionRecord& connection = *state->connection("c");
    EXPECT_EQ(connection.id, 65535);
    EXPECT_EQ(connection.algorithm, crypto::Algorithm::spongent_128);
    EXPECT_EQ(connection.epoch, 0xFFFF'FFFFU);
    EXPECT_EQ(connection.key.view()[15], 0xAB);
    EXPECT_EQ(connection.next_counter, std::uint64_t{1} << 48U);
    EXPECT_EQ(connection.pending, (std::vector<std::uint8_t>{0, 1, 2}));
    EXPECT_EQ(connection.to.incarnation, 4U);
    EXPECT_EQ(module.keeping, KeepingStep::keep);
    EXPECT_EQ(module.state_key.view().size(), 16U);
    EXPECT_EQ(module.state_key_before.view().size(), 16U);
    EXPECT_EQ(connection.turn, 3U);
    EXPECT_EQ(connection.key_before.view().size(), 16U);
    EXPECT_EQ(connection.turned_at, 77U);
    EXPECT_TRUE(connection.turning);
    EXPECT_EQ(state->periodic().at("tick").every_us, 1000U);
}

TEST_F(StateTest, ErasesWhatAChangeErases) {
    const auto state = open();
    ASSERT_TRUE(state->commit(everything()));
    Change change;
    change.erased_nodes = {"n"};
    change.erased_modules = {"m"};
    change.erased_connections = {65535};
    change.erased_periodic = {"tick"};
    ASSERT_TRUE(state->commit(change));
    EXPECT_TRUE(state->nodes().empty() && state->modules().empty() &&
                state->connections().empty() && state->periodic().empty());
    const auto seen = open(StateUse::look);
    EXPECT_TRUE(seen->nodes().empty() && seen->modules().empty() && seen->connections().empty() &&
                seen->periodic().empty());
}

TEST_F(StateTest, BelongsToItsOwnerAlone) {
    const auto state = open();
    ASSERT_TRUE(state->commit(everything()));
    for (const auto& entry : fs::directory_iterator(folder.path())) {
        EXPECT_EQ(fs::status(entry).permissions() & (fs::perms::group_all | fs::perms::others_all),
                  fs::perms::none)
            << entry.path();
    }
}

TEST_F(StateTest, RefusesASecondDeployerAndNamesTheFirst) {
    const auto state = open();
    const auto second = State::open(folder.path(), StateUse::change);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "state-locked");
    EXPECT_NE(second.error().summary.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(StateTest, CanBeLookedAtBesideADeployer) {
    const auto state = open();
    ASSERT_TRUE(state->commit(everything()));
    EXPECT_NE(open(StateUse::look)->module("m"), nullptr);
}

TEST_F(StateTest, ALookMakesNoFile) {
    EXPECT_EQ(open(StateUse::look)->deployment(), 0);
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(StateTest, RefusesWhatIsNoDatabase) {
    folder.write("state.db", std::string(8192, 'x'));
    EXPECT_EQ(code_of_opening(), "state-damaged");
    EXPECT_EQ(fs::file_size(file()), 8192U) << "a damaged state is left as it is";
}

TEST_F(StateTest, RefusesTheDatabaseOfAnotherProgramAndLeavesItAsItIs) {
    {
        sqlite3* photos = nullptr;
        ASSERT_EQ(sqlite3_open(file().c_str(), &photos), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(photos, "CREATE TABLE photo (name TEXT)", nullptr, nullptr, nullptr),
                  SQLITE_OK);
        sqlite3_close(photos);
    }
    const auto read = [&] {
        std::ifstream stream(file(), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    const std::string before = read();
    EXPECT_EQ(code_of_opening(), "state-damaged");
    EXPECT_EQ(read(), before);
}

TEST_F(StateTest, RefusesADatabaseWithoutItsTables) {
    { open(); }
    {
        auto database = Database::open(file());
        ASSERT_TRUE((*database)->execute("DROP TABLE connection"));
    }
    EXPECT_EQ(code_of_opening(), "state-damaged");
}

TEST_F(StateTest, RefusesADatabaseThatIsCutOrOverwritten) {
    {
        const auto state = open();
        ASSERT_TRUE(state->commit(everything()));
    }
    const auto size = fs::file_size(file());
    {
        std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(static_cast<std::streamoff>(size / 2));
        stream << std::string(size / 2, '\xFF');
    }
    EXPECT_EQ(code_of_opening(), "state-damaged");
}

TEST_F(StateTest, RefusesTheStateOfANewerRelease) {
    { open(); }
    {
        auto database = Database::open(file());
        ASSERT_TRUE((*database)->execute("PRAGMA user_version = 8"));
    }
    EXPECT_EQ(code_of_opening(), "state-newer");
}

TEST_F(StateTest, TakesOverTheStateOfAnEarlierRelease) {
    {
        const auto state = open();
        ASSERT_TRUE(state->commit(everything()));
    }
    {
        auto database = Database::open(file());
        ASSERT_TRUE((*database)->execute(
            "ALTER TABLE module DROP COLUMN given; ALTER TABLE "
            "module DROP COLUMN placement; ALTER TABLE module DROP "
            "COLUMN module_key; ALTER TABLE module DROP COLUMN quarantined; "
            "ALTER TABLE module DROP COLUMN on_node; "
            "ALTER TABLE module DROP COLUMN instance_of; ALTER TABLE "
            "module DROP COLUMN going; ALTER TABLE module DROP COLUMN "
            "layout; ALTER TABLE module DROP COLUMN keeping; ALTER TABLE module "
            "DROP COLUMN state_key; ALTER TABLE module DROP COLUMN "
            "state_key_before; ALTER TABLE connection DROP COLUMN turn; ALTER "
            "TABLE connection DROP COLUMN key_before; ALTER TABLE connection "
            "DROP COLUMN turned_at; ALTER TABLE connection DROP COLUMN "
            "turning; ALTER TABLE connection DROP COLUMN replies_turned_at; "
            "ALTER TABLE connection DROP COLUMN keyed_at_us; ALTER TABLE connection "
            "DROP COLUMN deadline; ALTER TABLE connection DROP COLUMN within_us; "
            "DROP TABLE deployed; DROP "
            "TABLE "
            "turned_secret; PRAGMA user_version = 1"));
    }
    const auto state = open();
    EXPECT_EQ(state->modules().size(), everything().modules.size());
    Change change;
    change.turned["m/salt"] = 3;
    ASSERT_TRUE(state->commit(change));
    EXPECT_EQ(state->turned().at("m/salt"), 3U);
}

TEST_F(StateTest, KeepsUsedKeysWhenTheDeploymentIsForgotten) {
    const auto state = open();
    const std::array<std::uint8_t, 32> digest{1, 2, 3};
    Change change = everything();
    change.used_keys = {digest};
    change.turned["m/salt"] = 2;
    ASSERT_TRUE(state->set_deployment(5));
    ASSERT_TRUE(state->commit(change));
    ASSERT_TRUE(state->set_deployment(0));
    EXPECT_TRUE(state->modules().empty());
    EXPECT_TRUE(*state->key_used(digest));
    EXPECT_EQ(state->turned().at("m/salt"), 2U);
    EXPECT_FALSE(*state->key_used(std::array<std::uint8_t, 32>{9}));
}

TEST_F(StateTest, ExportsSecretsOnlyWhereAsked) {
    const auto state = open();
    ASSERT_TRUE(state->commit(everything()));
    const std::string key = "abababababababababababababababab";
    EXPECT_EQ(to_json(*state, false).find(key), std::string::npos);
    const nlohmann::json all = nlohmann::json::parse(to_json(*state, true));
    EXPECT_EQ(all["connections"][0]["key"], key);
    EXPECT_EQ(all["modules"][0]["session"], key);
}

TEST_F(StateTest, ForgottenKeysLeaveNoTraceInTheFile) {
    const std::string key(16, '\xAB');
    {
        const auto state = open();
        ASSERT_TRUE(state->commit(everything()));
        ASSERT_TRUE(state->set_deployment(0));
    }
    std::ifstream stream(file(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(stream)),
                              std::istreambuf_iterator<char>());
    EXPECT_EQ(content.find(key), std::string::npos);
}

} // namespace
} // namespace authex::deployer
