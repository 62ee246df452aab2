#include "cli/passphrase.hpp"

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

TEST(ReadPassphrase, IsTheFirstLineOfTheFile) {
    const test::TemporaryFolder folder;
    EXPECT_EQ(read_passphrase(folder.write("a", "one two\nthree\n"), true).value(), "one two");
    EXPECT_EQ(read_passphrase(folder.write("b", "no newline"), false).value(), "no newline");
    EXPECT_EQ(read_passphrase(folder.write("c", "dos\r\n"), false).value(), "dos");
}

TEST(ReadPassphrase, AnEmptyOneIsRefused) {
    const test::TemporaryFolder folder;
    EXPECT_EQ(read_passphrase(folder.write("a", "\n"), false).error().code, "payload-passphrase");
}

TEST(ReadPassphrase, AFileThatIsMissingOrEmptySaysSo) {
    const test::TemporaryFolder folder;
    EXPECT_EQ(read_passphrase(folder.path() / "none", false).error().code, "file-unreadable");
    EXPECT_EQ(read_passphrase(folder.write("a", ""), false).error().code, "file-unreadable");
}

} // namespace
} // namespace authex::cli
