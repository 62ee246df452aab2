#include "em/control/store.hpp"

#include <fstream>
#include <sqlite3.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "em/control/image_intake.hpp"
#include "support/temporary_folder.hpp"

namespace authex::em {
namespace {

Module module_named(const std::string& name, std::uint16_t deployment = 1) {
    Module module;
    module.spec = {.name = name,
                   .deployment = deployment,
                   .image_sha256 = {},
                   .stack_bytes = 4096,
                   .devices = {"led0"}};
    module.spec.image_sha256.fill(0xAB);
    module.image_bytes = 77;
    module.state = ModuleState::failed;
    module.failure = "exit status 3";
    module.last_lines = {"no UTF-8: \xff", "second"};
    module.started_at_us = ~std::uint64_t{0};
    module.instance = 9;
    return module;
}

class StoreTest : public testing::Test {
  protected:
    std::unique_ptr<Store> open() {
        auto store = open_store(folder.path());
        EXPECT_TRUE(store) << to_text(store.error());
        return store ? std::move(*store) : nullptr;
    }
    test::TemporaryFolder folder;
};

TEST_F(StoreTest, IsEmptyAtFirst) {
    const auto records = open()->load();
    ASSERT_TRUE(records);
    EXPECT_EQ(records->node_id, 0U);
    EXPECT_TRUE(records->modules.empty() && records->deployments.empty());
}

TEST_F(StoreTest, FindsEverythingAgain) {
    const Route route{.deployment = 1,
                      .channel = 65'535,
                      .epoch = ~0U,
                      .source_module = "a",
                      .destination_address = "[::1]:7000",
                      .request = true};
    const Periodic periodic{.name = "tick", .module = {1, "a"}, .entry = 3, .every_us = 1'000'000};
    {
        const auto store = open();
        ASSERT_TRUE(store->put_identity(~std::uint64_t{0}, 4));
        ASSERT_TRUE(
            store->put(Deployment{.id = 1, .owner = "o", .application = "app", .released = true}));
        ASSERT_TRUE(store->put(module_named("a")));
        ASSERT_TRUE(store->put(route));
        ASSERT_TRUE(store->put(periodic));
    }
    const auto records = open()->load();
    ASSERT_TRUE(records) << to_text(records.error());
    EXPECT_EQ(records->node_id, ~std::uint64_t{0});
    EXPECT_EQ(records->boot, 4U);
    ASSERT_EQ(records->deployments.size(), 1U);
    EXPECT_EQ(records->deployments[0].owner, "o");
    EXPECT_TRUE(records->deployments[0].released);
    ASSERT_EQ(records->modules.size(), 1U);
    const Module& module = records->modules[0];
    EXPECT_EQ(module.spec.image_sha256, module_named("a").spec.image_sha256);
    EXPECT_EQ(module.spec.devices, std::vector<std::string>{"led0"});
    EXPECT_EQ(module.state, ModuleState::failed);
    EXPECT_EQ(module.failure, "exit status 3");
    EXPECT_EQ(module.last_lines[0], "no UTF-8: \xEF\xBF\xBD");
    EXPECT_EQ(module.started_at_us, ~std::uint64_t{0});
    EXPECT_EQ(module.instance, 9U);
    ASSERT_EQ(records->routes.size(), 1U);
    EXPECT_EQ(records->routes[0].channel, 65'535);
    EXPECT_EQ(records->routes[0].epoch, ~0U);
    EXPECT_EQ(records->routes[0].destination_address, "[::1]:7000");
    EXPECT_TRUE(records->routes[0].request);
    ASSERT_EQ(records->periodic.size(), 1U);
    EXPECT_EQ(records->periodic[0].every_us, 1'000'000U);
}

TEST_F(StoreTest, ErasesAllOfOneDeploymentButItsOwner) {
    const auto store = open();
    ASSERT_TRUE(store->put(Deployment{.id = 1, .owner = "o", .application = ""}));
    ASSERT_TRUE(store->put(module_named("a")));
    ASSERT_TRUE(store->put(module_named("a", 2)));
    ASSERT_TRUE(store->put(Route{.deployment = 1, .channel = 1}));
    ASSERT_TRUE(store->erase_all_of(1));
    const auto records = store->load();
    ASSERT_TRUE(records);
    EXPECT_EQ(records->deployments.size(), 1U);
    EXPECT_EQ(records->modules.size(), 1U);
    EXPECT_TRUE(records->routes.empty());
}

TEST_F(StoreTest, RefusesAFileThatIsNoStore) {
    folder.write("node.db", std::string(10'000, 'x'));
    const auto store = open_store(folder.path());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, "store");
    EXPECT_FALSE(store.error().fix.empty());
}

TEST_F(StoreTest, RefusesTheDatabaseOfAnotherProgramAndOfANewerRelease) {
    const std::string file = folder.path() / "node.db";
    const auto run = [&](const char* sql) {
        sqlite3* database = nullptr;
        EXPECT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(database);
    };
    const auto refusal = [&] {
        const auto store = open_store(folder.path());
        return store ? std::string() : store.error().summary;
    };
    run("CREATE TABLE photo (name TEXT)");
    EXPECT_NE(refusal().find("another program"), std::string::npos);
    run("PRAGMA user_version = 99");
    EXPECT_NE(refusal().find("newer"), std::string::npos);
}

TEST_F(StoreTest, NamesItsFileWhereARecordIsDamaged) {
    { (void)open(); }
    sqlite3* database = nullptr;
    const std::string file = folder.path() / "node.db";
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(
        sqlite3_exec(
            database, "INSERT INTO record VALUES (2, 1, 'm', '{')", nullptr, nullptr, nullptr),
        SQLITE_OK);
    sqlite3_close(database);
    const auto store = open_store(folder.path());
    ASSERT_TRUE(store);
    const auto records = (*store)->load();
    ASSERT_FALSE(records);
    EXPECT_NE(records.error().summary.find("node.db"), std::string::npos);
}

TEST_F(StoreTest, EmptiesWhatWasOnItsWay) {
    folder.write("incoming/image-x", "half");
    const auto store = open();
    EXPECT_TRUE(std::filesystem::is_empty(store->incoming()));
}

TEST_F(StoreTest, TakesAnImageIntoTheModulesFolder) {
    const auto store = open();
    const auto received = folder.write("incoming/image-x", "image");
    ASSERT_TRUE(store->take_image({1, "a"}, received));
    EXPECT_TRUE(std::filesystem::exists(store->folder({1, "a"}) / "image"));
    store->remove_folder({1, "a"});
    EXPECT_FALSE(std::filesystem::exists(store->folder({1, "a"})));
    EXPECT_FALSE(store->take_image({1, "a"}, received));
}

class IntakeTest : public testing::Test {
  protected:
    static ByteView view(const std::string& text) {
        return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    }
    std::unique_ptr<ImageIntake> open(std::uint64_t bytes) {
        // SHA-256 of "abc" (FIPS 180-2, B.1).
        const tee::Sha256 abc = {0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40,
                                 0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17,
                                 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD};
        auto intake = ImageIntake::open(folder.path(), bytes, abc);
        EXPECT_TRUE(intake);
        return std::move(*intake);
    }
    test::TemporaryFolder folder;
};

TEST_F(IntakeTest, TakesAnImageInPieces) {
    const auto intake = open(3);
    ASSERT_TRUE(intake->write(view("a")));
    EXPECT_FALSE(intake->complete());
    ASSERT_TRUE(intake->write(view("bc")));
    EXPECT_TRUE(intake->complete());
    const auto path = intake->finish();
    ASSERT_TRUE(path);
    EXPECT_EQ(std::filesystem::file_size(*path), 3U);
    struct stat info {};
    ASSERT_EQ(::stat(path->c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(IntakeTest, RefusesMoreThanWasAnnounced) {
    const auto intake = open(3);
    ASSERT_TRUE(intake->write(view("ab")));
    EXPECT_EQ(intake->write(view("cd")).error().code, "image-size");
}

TEST_F(IntakeTest, RefusesLessThanWasAnnounced) {
    const auto intake = open(3);
    ASSERT_TRUE(intake->write(view("ab")));
    EXPECT_EQ(intake->finish().error().code, "image-size");
}

TEST_F(IntakeTest, RefusesAnotherDigest) {
    const auto intake = open(3);
    ASSERT_TRUE(intake->write(view("abd")));
    EXPECT_EQ(intake->finish().error().code, "image-digest");
}

TEST_F(IntakeTest, LeavesNoFileBehind) {
    (void)open(3)->write(view("ab"));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(IntakeTest, SaysWhereItCannotWrite) {
    const auto intake = ImageIntake::open(folder.path() / "none", 1, {});
    ASSERT_FALSE(intake);
    EXPECT_EQ(intake.error().code, "store");
}

} // namespace
} // namespace authex::em
