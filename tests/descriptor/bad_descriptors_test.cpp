// Each file of bad/ ends with what has to be found in it, and nothing else: `# expect: line:column
// code`.
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "descriptor/files.hpp"
#include "descriptor/parse.hpp"

namespace authex::descriptor {
namespace {

std::vector<std::string> expected_of(const std::string& text) {
    constexpr std::string_view mark = "# expect: ";
    std::vector<std::string> expected;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.compare(0, mark.size(), mark) == 0) {
            expected.push_back(line.substr(mark.size()));
        }
    }
    return expected;
}

class BadDescriptor : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadDescriptor, IsReportedExactlyWhereItIsWrong) {
    const std::string text = test::read(GetParam());
    const std::vector<std::string> expected = expected_of(text);
    ASSERT_FALSE(expected.empty());

    const ParseResult result = parse(text, "bad.yaml");

    std::vector<std::string> found;
    std::string shown;
    bool has_error = false;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        found.push_back(fmt::format(
            "{}:{} {}", diagnostic.where.line, diagnostic.where.column, diagnostic.code));
        shown += to_text(diagnostic) + "\n";
        has_error = has_error || diagnostic.severity == Severity::error;
        EXPECT_EQ(diagnostic.where.file, "bad.yaml");
        EXPECT_FALSE(diagnostic.summary.empty());
        EXPECT_NE(diagnostic.summary.back(), '.');
    }
    EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected)) << shown;
    EXPECT_EQ(result.descriptor.has_value(), !has_error);
}

INSTANTIATE_TEST_SUITE_P(Files,
                         BadDescriptor,
                         testing::ValuesIn(test::files_in("bad")),
                         [](const auto& test) { return test::test_name(test.param); });

} // namespace
} // namespace authex::descriptor
