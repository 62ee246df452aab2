// Runs of the hardware description, repeated to the cycle.
#include "sancus_emulator/golden.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

namespace authex::sancus_emulator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
}

/// Hand-made: `mov #0x5a80, &0x0120`, `mov #0x2800, r1`, `mov #7, r5`, `add r5, r5`, end.
const char* const tiny = R"(name tiny
about five instructions
config base
image 4000 b240805a20013140002835400700055532d01000
image fffe 0040
0 4000 R1=0000 R2=0000 R5=0000
5 4006
7 400a R1=2800
9 400e R5=0007
10 4010 R5=000e
12 4014 R2=0010
end cpuoff 23
mem 0200 0000
)";

std::string changed(const std::string& from, const std::string& to) {
    std::string text = tiny;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, from.size(), to);
}

TEST(Golden, ARunThatAgreesIsCounted) {
    const auto result = check_golden(tiny, "tiny.txt");
    ASSERT_TRUE(result) << to_text(result.error());
    EXPECT_EQ(*result, 6U);
}

struct Difference {
    const char* from;
    const char* to;
    unsigned line;
    const char* says;
};

class GoldenDifference : public ::testing::TestWithParam<Difference> {};

TEST_P(GoldenDifference, IsNamedWithItsLine) {
    const auto& [from, to, line, says] = GetParam();
    const auto result = check_golden(changed(from, to), "tiny.txt");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().where.line, line) << to_text(result.error());
    EXPECT_THAT(to_text(result.error()), HasSubstr(says));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    GoldenDifference,
    ::testing::Values(
        Difference{"9 400e R5=0007", "9 400e R5=0008", 9, "r5 is 0007"},
        Difference{"9 400e", "9 4010", 9, "the program counter is 400e"},
        Difference{"10 4010", "11 4010", 10, "this is cycle 10"},
        Difference{"10 4010 R5=000e", "irq 10 9", 10, "an instruction at 4010 in cycle 10"},
        Difference{"mem 0200 0000", "mem 0200 0100", 13, "memory holds 00"},
        Difference{"mem 0200 0000", "memsha256 0200-29ff 00", 13, "SHA-256"},
        Difference{"R5=0007", "Rx=0007", 9, "no register"},
        Difference{"end cpuoff 23\n", "13 4016\nend cpuoff 23\n", 12, "the machine stands"}));

TEST(Golden, WhatIsNoSuchFileIsRefused) {
    for (const std::string& text : {std::string(),
                                    std::string("name x\n"),
                                    std::string("\n\n\n"),
                                    changed("image fffe 0040", "image ffff 0040"),
                                    changed("image fffe 0040", "image fffe 004"),
                                    changed("image fffe 0040", "image fffe zz")}) {
        const auto result = check_golden(text, "bad.txt");
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, "golden-malformed");
    }
}

TEST(Golden, RunsWithBoundedAtomicityAreRepeated) {
    std::size_t files = 0;
    const fs::path folder = fs::path(AUTHEX_SOURCE_DIR) / "tests" / "sancus_emulator" / "golden";
    for (const auto& entry : fs::directory_iterator(folder)) {
        const auto result = check_golden(read(entry.path()), entry.path());
        EXPECT_TRUE(result) << to_text(result.error());
        ++files;
    }
    EXPECT_EQ(files, 8U);
}

TEST(Golden, RunsOfTheHardwareDescriptionAreRepeated) {
    const char* shared = std::getenv("AUTHEX_SHARED");
    const fs::path folder =
        (shared != nullptr ? fs::path(shared) : fs::path(AUTHEX_SOURCE_DIR) / ".." / "shared") /
        "sancus" / "golden";
    if (!fs::exists(folder)) {
        GTEST_SKIP() << "no recorded runs in " << folder;
    }
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".txt") {
            continue;
        }
        const auto result = check_golden(read(entry.path()), entry.path());
        EXPECT_TRUE(result) << to_text(result.error());
        ++files;
    }
    EXPECT_GT(files, 0U);
}

} // namespace
} // namespace authex::sancus_emulator
