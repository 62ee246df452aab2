#include "descriptor/findings.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace authex::descriptor {
namespace {

TEST(EditDistance, CountsSlips) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("sgx", "sgx"), 0U);
    EXPECT_EQ(edit_distance("egde", "edge"), 1U);
    EXPECT_EQ(edit_distance("conection", "connections"), 2U);
    EXPECT_EQ(edit_distance("abc", "xyz"), 3U);
}

RC_GTEST_PROP(EditDistance,
              IsSymmetricAndZeroOnlyForEqualWords,
              (const std::string& a, const std::string& b)) {
    RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
    RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
}

TEST(Suggest, NamesTheClosestWord) {
    const std::vector<std::string> words = {"sgx", "trustzone", "sancus"};
    EXPECT_EQ(suggest("sancsu", words, "allowed are"), "did you mean «sancus»?");
    EXPECT_EQ(suggest("sg", words, "allowed are"), "did you mean «sgx»?");
}

TEST(Suggest, ListsAllWordsWhenNoneIsClose) {
    const std::vector<std::string> words = {"sgx", "trustzone", "sancus"};
    EXPECT_EQ(suggest("tdx-module", words, "allowed are"),
              "allowed are: sgx, trustzone and sancus");
    EXPECT_EQ(suggest("x", {}, "allowed are"), "");
}

TEST(Join, ShortensLongLists) {
    const std::vector<std::string> words(19, "w");
    EXPECT_EQ(join(words), "w, w, w, w, w, w, w, w, w, w, w, w, w, w, w, w and 3 more");
    EXPECT_EQ(join(std::span(words).first(1)), "w");
    EXPECT_EQ(join({}), "");
}

TEST(Quote, ShowsControlCharactersAndShortens) {
    EXPECT_EQ(quote("a\x1b[31m"), "«a\\x1b[31m»");
    EXPECT_EQ(quote(std::string(61, 'a')), "«" + std::string(60, 'a') + "…»");
    EXPECT_EQ(quote(std::string(60, 'a')), "«" + std::string(60, 'a') + "»");
}

TEST(Quote, CutsNoCharacterInTwo) {
    EXPECT_EQ(quote(std::string(59, 'a') + "é"), "«" + std::string(59, 'a') + "…»");
}

TEST(Findings, AreOrderedAndWithoutRepetition) {
    Findings findings;
    findings.error({.file = "f", .line = 2, .column = 1, .length = 1}, {"second", "b"});
    findings.error({.file = "f", .line = 1, .column = 9, .length = 1}, {"first", "a"});
    findings.error({.file = "f", .line = 2, .column = 1, .length = 1}, {"second", "b"});
    const std::vector<Diagnostic> taken = findings.take();
    ASSERT_EQ(taken.size(), 2U);
    EXPECT_EQ(taken[0].code, "first");
    EXPECT_EQ(taken[1].code, "second");
}

TEST(Findings, WarningsAreNoErrors) {
    Findings findings;
    findings.warning({}, {"careful", "b"});
    EXPECT_FALSE(findings.has_errors());
    EXPECT_EQ(findings.take()[0].severity, Severity::warning);
}

TEST(Findings, AnErrorBeyondTheLimitIsStillAnError) {
    Findings findings;
    for (std::size_t i = 0; i < Findings::limit; ++i) {
        findings.warning({}, {"careful", std::to_string(i)});
    }
    findings.error({}, {"wrong", "x"});
    EXPECT_TRUE(findings.has_errors());
    EXPECT_EQ(findings.take().size(), Findings::limit);
}

} // namespace
} // namespace authex::descriptor
