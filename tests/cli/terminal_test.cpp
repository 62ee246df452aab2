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
    ProgressPrinter printer(Terminal(), false);
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
              "✓ load       db  on cloud, 44 kB, 12 ms\n✗ load       web  no room\n");
}

} // namespace
} // namespace authex::cli
