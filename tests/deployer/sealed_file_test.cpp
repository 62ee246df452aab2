#include "deployer/sealed_file.hpp"

#include <gtest/gtest.h>

namespace authex::deployer {
namespace {

constexpr std::size_t header = 47; // docs/backup.md
constexpr std::size_t cost_at = 16;

std::string code(const Expected<std::string>& opened) {
    return opened ? "opened" : opened.error().code;
}

class SealedFile : public testing::Test {
  protected:
    static void SetUpTestSuite() { sealed = *seal_file("what is in it", "open sesame"); }
    static std::string sealed;
};
std::string SealedFile::sealed;

TEST_F(SealedFile, OpensWithItsPassphrase) {
    EXPECT_EQ(open_file(sealed, "open sesame").value(), "what is in it");
    EXPECT_EQ(sealed.size(), header + 13 + 16);
    EXPECT_EQ(sealed.substr(0, 14), "authex export\n");
    EXPECT_EQ(sealed.find("what is"), std::string::npos);
}

TEST_F(SealedFile, HoldsNothingToo) {
    const auto empty = seal_file("", "x");
    ASSERT_TRUE(empty);
    EXPECT_EQ(open_file(*empty, "x").value(), "");
}

TEST_F(SealedFile, NeverHasTheSameSaltAndNonce) {
    const auto other = seal_file("what is in it", "open sesame");
    EXPECT_NE(other->substr(19), sealed.substr(19));
}

TEST_F(SealedFile, RefusesAnotherPassphrase) {
    EXPECT_EQ(code(open_file(sealed, "open Sesame")), "export-unopened");
    EXPECT_EQ(code(open_file(sealed, "")), "export-unopened");
}

TEST_F(SealedFile, RefusesAChangeAnywhereThatMatters) {
    for (const std::size_t at : {std::size_t{19}, std::size_t{35}, header, sealed.size() - 1}) {
        std::string changed = sealed;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_EQ(code(open_file(changed, "open sesame")), "export-unopened") << at;
    }
}

TEST_F(SealedFile, RefusesWhatIsCutOrSomethingElse) {
    EXPECT_EQ(code(open_file("", "x")), "export-malformed");
    EXPECT_EQ(code(open_file("application: x\n", "x")), "export-malformed");
    EXPECT_EQ(code(open_file(sealed.substr(0, header + 15), "x")), "export-malformed");
    EXPECT_EQ(code(open_file(sealed.substr(0, header + 16), "open sesame")), "export-unopened");
    EXPECT_EQ(code(open_file(sealed.substr(1), "x")), "export-malformed");
}

TEST_F(SealedFile, RefusesALaterVersion) {
    std::string later = sealed;
    later[14] = 2;
    EXPECT_EQ(code(open_file(later, "open sesame")), "export-newer");
}

TEST_F(SealedFile, RefusesACostBeyondAllMeasure) {
    struct Row {
        std::size_t at;
        char value;
    };
    for (const Row& row : {Row{0, 9}, {0, 21}, {0, 63}, {0, -1}, {1, 0}, {1, 9}, {2, 0}, {2, 5}}) {
        std::string costly = sealed;
        costly[cost_at + row.at] = row.value;
        EXPECT_EQ(code(open_file(costly, "open sesame")), "export-malformed")
            << row.at << ' ' << static_cast<int>(row.value);
    }
}

} // namespace
} // namespace authex::deployer
