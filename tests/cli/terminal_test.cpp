#include "cli/terminal.hpp"

#include <gtest/gtest.h>

namespace authex::cli {
namespace {

TEST(Table, ColumnsStandUnderEachOther) {
    Table table({"A", "LONGER"});
    table.add({"äöü", "x"});
    table.add({"b", "y"});
    EXPECT_EQ(table.text(Terminal()), "  A    LONGER\n  äöü  x\n  b    y\n");
}

TEST(Terminal, WithoutOneThereAreNoColours) {
    EXPECT_EQ(Terminal().paint(Colour::red, "x"), "x");
}

TEST(Harmless, HasNothingThatATerminalObeys) {
    EXPECT_EQ(harmless("a\x1b[2Jb\r\n\tc\x7f"), "a [2Jb   c ");
    EXPECT_EQ(harmless("\xC2\x9B"
                       "31m \xC2\xA0 ä \xC2"),
              "  31m \xC2\xA0 ä \xC2");
    EXPECT_EQ(harmless(""), "");
}

TEST(ShortenIdentities, CutsWhatNobodyReadsToTheEnd) {
    EXPECT_EQ(shorten_identities("image " + std::string(64, 'a') + ", 12 ms"),
              "image " + std::string(16, 'a') + ", 12 ms");
    for (const std::string text :
         {"", "abc", "epoch 1", "deadbeefdeadbeefdead", "a-f 0123456789"}) {
        EXPECT_EQ(shorten_identities(text), text);
    }
}

TEST(ProgressPrinter, IsSilentAboutWhatWasBuiltBeforeUnlessAllIsAskedFor) {
    for (const auto& [talk, said] :
         {std::pair(Talk::changes, ""),
          std::pair(Talk::nothing, ""),
          std::pair(Talk::all, "✓ build      db              cached\n")}) {
        testing::internal::CaptureStderr();
        ProgressPrinter(Terminal(), talk)
            .show({.what = deployer::Progress::What::done,
                   .action = "build",
                   .subject = "db",
                   .node = {},
                   .detail = "cached"});
        EXPECT_EQ(testing::internal::GetCapturedStderr(), said);
    }
}

TEST(DurationText, HasTheUnitThatFits) {
    EXPECT_EQ(duration_text(std::chrono::microseconds(999)), "999 µs");
    EXPECT_EQ(duration_text(std::chrono::microseconds(1000)), "1 ms");
    EXPECT_EQ(duration_text(std::chrono::microseconds(1'500'000)), "1.5 s");
}

TEST(SizeText, HasTheUnitThatFits) {
    EXPECT_EQ(size_text(1023), "1023 B");
    EXPECT_EQ(size_text(1536), "1.5 KiB");
    EXPECT_EQ(size_text(1U << 20U), "1.0 MiB");
}

TEST(ProgressPrinter, PrintsALineForEachStepThatIsDone) {
    testing::internal::CaptureStderr();
    ProgressPrinter printer(Terminal(), Talk::changes);
    using What = deployer::Progress::What;
    printer.show({.what = What::started, .action = "load", .subject = "db", .node = "cloud"});
    printer.show({.what = What::done,
                  .action = "load",
                  .subject = "db",
                  .node = "cloud",
                  .detail = "44 kB",
                  .took = std::chrono::milliseconds(12)});
    printer.show({.what = What::failed, .action = "load", .subject = "web", .detail = "no room"});
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "✓ load       db              on cloud, 44 kB, 12 ms\n"
              "✗ load       web             no room\n");
}

} // namespace
} // namespace authex::cli
