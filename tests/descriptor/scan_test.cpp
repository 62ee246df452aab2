#include "descriptor/scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "descriptor/endpoints.hpp"
#include "descriptor/files.hpp"

namespace authex::descriptor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> scan(std::string_view source) {
    std::vector<std::string> found;
    for (const Endpoint& endpoint : scan_endpoints(source)) {
        EXPECT_EQ(endpoint.id, 0);
        found.push_back(std::string(to_string(endpoint.kind)) + " " + endpoint.name);
    }
    return found;
}

TEST(ScanEndpoints, FindsEachKind) {
    EXPECT_THAT(scan("AUTHEX_OUTPUT(pressed);\nAUTHEX_INPUT(set, event) {}\nAUTHEX_REQUEST(ask);\n"
                     "AUTHEX_HANDLER(read, request, reply) {}\nAUTHEX_ENTRY(start, call) {}\n"
                     "AUTHEX_TIMER(tick, timer) {}\nAUTHEX_STREAM(http, stream) {}\n"),
                ElementsAre("output pressed",
                            "input set",
                            "request ask",
                            "handler read",
                            "entry start",
                            "timer tick",
                            "stream http"));
}

TEST(ScanEndpoints, FindsThemHoweverTheyAreSpaced) {
    EXPECT_THAT(scan("AUTHEX_OUTPUT (\n  a // one\n)\nAUTHEX_INPUT(/* two */b\n, e)"),
                ElementsAre("output a", "input b"));
}

TEST(ScanEndpoints, PassesOverComments) {
    EXPECT_THAT(scan("// AUTHEX_OUTPUT(a)\n/* AUTHEX_OUTPUT(b)\n AUTHEX_OUTPUT(c) */\n"
                     "// goes on \\\nAUTHEX_OUTPUT(d)\n"),
                IsEmpty());
    EXPECT_THAT(scan("/* \" */ AUTHEX_OUTPUT(a) // '\nAUTHEX_OUTPUT(b)"),
                ElementsAre("output a", "output b"));
    EXPECT_THAT(scan("/* never closed AUTHEX_OUTPUT(a)"), IsEmpty());
}

TEST(ScanEndpoints, PassesOverLiterals) {
    EXPECT_THAT(scan("f(\"AUTHEX_OUTPUT(a)\"); g(\"\\\"AUTHEX_OUTPUT(b)\");"), IsEmpty());
    EXPECT_THAT(scan("char c = '\"'; AUTHEX_OUTPUT(a) char d = '\\''; AUTHEX_OUTPUT(b)"),
                ElementsAre("output a", "output b"));
    EXPECT_THAT(scan("auto s = R\"x(AUTHEX_OUTPUT(a) )\" )x\"; AUTHEX_OUTPUT(b)"),
                ElementsAre("output b"));
    EXPECT_THAT(scan("auto s = u8R\"(\" AUTHEX_OUTPUT(a))\"; AUTHEX_OUTPUT(b)"),
                ElementsAre("output b"));
    EXPECT_THAT(scan("\"/*\" AUTHEX_OUTPUT(a) \"*/\""), ElementsAre("output a"));
}

TEST(ScanEndpoints, TakesNoDigitSeparatorForALiteral) {
    EXPECT_THAT(scan("int n = 1'000; AUTHEX_OUTPUT(a) int m = 0x1'f'f;"), ElementsAre("output a"));
}

TEST(ScanEndpoints, EndsAnOpenLiteralWithItsLine) {
    EXPECT_THAT(scan("\"open\nAUTHEX_OUTPUT(a)"), ElementsAre("output a"));
}

TEST(ScanEndpoints, PassesOverDirectives) {
    EXPECT_THAT(scan("#define TWO(x) AUTHEX_OUTPUT(x); \\\n  AUTHEX_INPUT(b, e)\nAUTHEX_OUTPUT(a)"),
                ElementsAre("output a"));
    EXPECT_THAT(scan("#define TWO \\\r\n  AUTHEX_OUTPUT(b)\r\n"), IsEmpty());
}

TEST(ScanEndpoints, TakesOnlyWholeWordsWithAName) {
    EXPECT_THAT(scan("MY_AUTHEX_OUTPUT(a) AUTHEX_OUTPUTS(b) AUTHEX_OUTPUT AUTHEX_OUTPUT()"
                     " AUTHEX_OUTPUT(1a) AUTHEX_OUTPUT(\"a\") AUTHEX_OUTPUT(a b) AUTHEX_OUTPUT(a"),
                IsEmpty());
}

TEST(ScanEndpoints, KeepsWhatIsDeclaredTwice) {
    EXPECT_THAT(scan("AUTHEX_OUTPUT(a) AUTHEX_OUTPUT(a)"), ElementsAre("output a", "output a"));
}

TEST(ScanIsPartial, WhenMacrosOrOwnHeadersMayDeclareEndpoints) {
    EXPECT_TRUE(scan_is_partial("#define TWO(x) AUTHEX_OUTPUT(x)\n"));
    EXPECT_TRUE(scan_is_partial("  #  define TWO(x) \\\n AUTHEX_OUTPUT(x)\n"));
    EXPECT_TRUE(scan_is_partial("#include \"endpoints.hpp\"\n"));
    EXPECT_FALSE(
        scan_is_partial("#include <authex/module.hpp>\n#define LIMIT 3\nAUTHEX_OUTPUT(a)"));
    EXPECT_FALSE(scan_is_partial("// #include \"a.hpp\"\n/*\n#include \"a.hpp\"\n*/\n"));
    EXPECT_FALSE(scan_is_partial(""));
}

RC_GTEST_PROP(ScanEndpoints, TakesAnyText, ()) {
    const auto piece = rc::gen::elementOf(std::vector<std::string>{"AUTHEX_OUTPUT",
                                                                   "(",
                                                                   ")",
                                                                   "a",
                                                                   ",",
                                                                   "\"",
                                                                   "'",
                                                                   "R\"",
                                                                   "\\",
                                                                   "\n",
                                                                   "/*",
                                                                   "*/",
                                                                   "//",
                                                                   "#",
                                                                   "define",
                                                                   "1",
                                                                   " "});
    const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
    std::string text;
    for (const std::string& one : pieces) {
        text += one;
    }
    (void)scan_endpoints(text);
    (void)scan_is_partial(text);
}

} // namespace
} // namespace authex::descriptor
