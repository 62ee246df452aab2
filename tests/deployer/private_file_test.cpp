#include "deployer/private_file.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

using testing::HasSubstr;

class PrivateFile : public testing::Test {
  protected:
    static std::string content_of(const std::filesystem::path& file) {
        const auto content = read_private_file(file);
        return content ? std::string(content->text()) : content.error().code;
    }
    test::TemporaryFolder folder_;
    std::filesystem::path file_ = folder_.path() / "key";
};

TEST_F(PrivateFile, IsReadAsItWasWritten) {
    const std::string content("some\0thing\n", 11);
    ASSERT_TRUE(create_file(file_, content, FileAccess::owner_only));
    EXPECT_EQ(content_of(file_), content);
    ASSERT_TRUE(replace_file(file_, "", FileAccess::owner_only));
    EXPECT_EQ(content_of(file_), "");
}

TEST_F(PrivateFile, ThatOthersMayReadIsRefusedWhereverTheNameLeads) {
    ASSERT_TRUE(create_file(file_, "key", FileAccess::everyone_reads));
    EXPECT_EQ(read_private_file(file_).error().code, "file-readable-by-others");
    const std::filesystem::path link = folder_.path() / "link";
    std::filesystem::create_symlink(file_, link);
    EXPECT_EQ(read_private_file(link).error().code, "file-readable-by-others");
}

TEST_F(PrivateFile, ThatIsMissingOrAFolderIsNamedWithTheSystemsReason) {
    const auto missing = read_private_file(file_);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, "file-unreadable");
    EXPECT_THAT(missing.error().summary, HasSubstr(file_.string() + ": No such file or directory"));
    ASSERT_EQ(::mkdir(file_.c_str(), 0700), 0);
    const auto folder = read_private_file(file_);
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().code, "file-unreadable");
    EXPECT_THAT(folder.error().summary, HasSubstr("Is a directory"));
}

TEST_F(PrivateFile, IsNotMadeInThePlaceOfAnother) {
    ASSERT_TRUE(create_file(file_, "first", FileAccess::owner_only));
    EXPECT_EQ(create_file(file_, "second", FileAccess::owner_only).error().code, "file-exists");
    EXPECT_EQ(content_of(file_), "first");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1)
        << "nothing is left of the second";
}

} // namespace
} // namespace authex::deployer
