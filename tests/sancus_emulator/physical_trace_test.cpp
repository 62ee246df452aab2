#include "sancus_emulator/physical_trace.hpp"

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {
namespace {

TEST(PhysicalTrace, IsALineOfJsonForEachEvent) {
    EXPECT_EQ(to_line({81734, true, "led0", "on"}),
              R"({"cycle":81734,"direction":"output","device":"led0","value":"on"})");
    EXPECT_EQ(to_line({1, false, "t", "a\"b\n"}),
              R"({"cycle":1,"direction":"input","device":"t","value":"a\"b\n"})");
}

TEST(PhysicalTrace, IsReadAsItWasWritten) {
    const std::string text = to_line({1, false, "b", "pressed"}) + "\n\n" +
                             to_line({1, true, "l", "on"}) + "\n" + to_line({2, false, "b", "x"});
    const auto events = read_physical_trace(text, "t");
    ASSERT_TRUE(events) << to_text(events.error());
    ASSERT_EQ(events->size(), 3U);
    EXPECT_EQ((*events)[1].device, "l");
    EXPECT_TRUE((*events)[1].output);
    EXPECT_EQ((*events)[2].cycle, 2U);
}

TEST(PhysicalTrace, RefusesLinesThatAreNoEvents) {
    const std::string good = to_line({5, false, "b", "pressed"}) + "\n";
    for (const std::string& bad :
         {std::string("x"),
          std::string("[]"),
          std::string("{}"),
          std::string(R"({"cycle":-1,"direction":"input","device":"b","value":"x"})"),
          std::string(R"({"cycle":"9","direction":"input","device":"b","value":"x"})"),
          std::string(R"({"cycle":9,"direction":"in","device":"b","value":"x"})"),
          std::string(R"({"cycle":9,"direction":"input","device":1,"value":"x"})"),
          std::string(R"({"cycle":9,"direction":"input","device":"b"})"),
          std::string(R"({"cycle":9,"direction":"input","device":"b","value":"x","y":1})"),
          to_line({4, false, "b", "released"}),
          std::string(5000, '[')}) {
        const auto events = read_physical_trace(good + bad, "t");
        ASSERT_FALSE(events) << bad;
        EXPECT_EQ(events.error().code, "trace-malformed");
        EXPECT_EQ(events.error().where.line, 2U);
    }
}

TEST(PhysicalTrace, WritesItsFileAndTellsItsListener) {
    const authex::test::TemporaryFolder folder;
    const std::string file = folder.path() / "t.jsonl";
    PhysicalTrace trace;
    ASSERT_TRUE(trace.open(file));
    std::vector<std::string> heard;
    trace.listen([&](const PhysicalEvent& event) { heard.push_back(event.device); });
    trace.happened({1, true, "a", "on"});
    trace.happened({2, true, "b", "on"});
    ASSERT_TRUE(trace.flush());
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    EXPECT_EQ(line, to_line({1, true, "a", "on"}));
    EXPECT_EQ(heard, std::vector<std::string>({"a", "b"}));
}

TEST(PhysicalTrace, SaysThatItCannotWrite) {
    PhysicalTrace absent;
    EXPECT_FALSE(absent.open("/nonexistent/t.jsonl"));
    PhysicalTrace full;
    ASSERT_TRUE(full.open("/dev/full"));
    full.happened({1, true, "a", "on"});
    const auto flushed = full.flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().code, "trace-unwritable");
}

} // namespace
} // namespace authex::sancus_emulator::test
