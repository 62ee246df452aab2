#include "cli/filter.hpp"

#include <gtest/gtest.h>

namespace authex::cli {
namespace {

TEST(RunFilter, GivesTheInputAndTakesTheOutput) {
    const std::string large(std::size_t{1} << 20U, 'x'); // more than any pipe holds
    const auto result = run_filter({"cat"}, large);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 0);
    EXPECT_EQ(result->output, large);
}

TEST(RunFilter, TellsHowItEnded) {
    EXPECT_EQ(run_filter({"sh", "-c", "exit 7"}, "")->status, 7);
    EXPECT_EQ(run_filter({"sh", "-c", "kill -9 $$"}, "")->status, 128 + 9);
}

TEST(RunFilter, UsesNoShell) {
    EXPECT_EQ(run_filter({"echo", "$HOME; ls"}, "")->output, "$HOME; ls\n");
}

TEST(RunFilter, AProgramThatIsMissingSaysSo) {
    const auto result = run_filter({"authex-no-such-program"}, "");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "program-missing");
}

} // namespace
} // namespace authex::cli
