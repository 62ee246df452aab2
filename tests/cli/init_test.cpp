#include "cli/init.hpp"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "descriptor/parse.hpp"
#include "descriptor/schema.hpp"
#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

TEST(MakeApplication, ItsDescriptorIsSound) {
    const test::TemporaryFolder folder;
    const auto name = make_application(folder.path() / "My App 2");
    ASSERT_TRUE(name) << to_text(name.error());
    EXPECT_EQ(*name, "my-app-2");
    const auto parsed = descriptor::load(folder.path() / "My App 2/authex.yaml");
    EXPECT_TRUE(parsed.descriptor);
    EXPECT_TRUE(parsed.diagnostics.empty());
}

TEST(MakeApplication, IsNamedAfterItsFolderHoweverThatIsWritten) {
    const test::TemporaryFolder folder;
    for (const char* written : {"one", "two/", "three/.", "../here/four"}) {
        const auto base = folder.path() / "here";
        std::filesystem::create_directory(base);
        const auto name = make_application(base / written);
        ASSERT_TRUE(name) << to_text(name.error());
        EXPECT_NE(std::string(written).find(*name), std::string::npos) << *name;
    }
}

TEST(MakeApplication, EditorsFindTheSchema) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(make_application(folder.path() / "app"));
    std::ifstream descriptor(folder.path() / "app/authex.yaml");
    std::string line;
    std::getline(descriptor, line);
    EXPECT_EQ(line, "# yaml-language-server: $schema=authex.schema.json");
    std::ifstream file(folder.path() / "app/authex.schema.json");
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    EXPECT_EQ(text, descriptor::schema());
    EXPECT_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded());
}

TEST(MakeApplication, TheOwnerKeyIsTheOwnersAlone) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(make_application(folder.path() / "app"));
    struct stat info {};
    ASSERT_EQ(::stat((folder.path() / "app/.authex/owner.key").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(MakeApplication, NothingIsOverwritten) {
    const test::TemporaryFolder folder;
    folder.write("app/mine.txt", "x");
    const auto made = make_application(folder.path() / "app");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "folder-not-empty");
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "app/authex.yaml"));
}

TEST(MakeApplication, AFileIsNoFolder) {
    const test::TemporaryFolder folder;
    const auto made = make_application(folder.write("app", "x"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "folder-not-empty");
}

} // namespace
} // namespace authex::cli
