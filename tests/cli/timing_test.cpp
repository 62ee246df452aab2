#include "cli/timing.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace authex::cli {
namespace {

using deployer::Progress;

void take_all(Timing& timing) {
    timing.take({.what = Progress::What::started, .action = "build", .subject = "m"});
    timing.take({.what = Progress::What::advanced, .action = "load", .subject = "m"});
    timing.take({.what = Progress::What::done,
                 .action = "build",
                 .subject = "m",
                 .took = std::chrono::microseconds(1500)});
    timing.take({.what = Progress::What::failed,
                 .action = "ask",
                 .subject = "n",
                 .node = "n",
                 .took = std::chrono::microseconds(2'500'000),
                 .aside = true});
}

TEST(Timing, IsATableOfStepsThatEnded) {
    Timing timing;
    take_all(timing);
    EXPECT_EQ(timing.text(std::chrono::microseconds(3'000'000), Terminal()),
              "  STEP   WHAT  NODE  TOOK\n"
              "  build  m           1 ms\n"
              "  ask    n     n     2.5 s  failed\n"
              "  all                3.0 s\n");
}

TEST(Timing, IsTheSameForPrograms) {
    Timing timing;
    take_all(timing);
    const nlohmann::json json = timing.json(std::chrono::microseconds(3'000'000));
    EXPECT_EQ(json["total_us"], 3'000'000);
    ASSERT_EQ(json["steps"].size(), 2U);
    EXPECT_EQ(json["steps"][0]["action"], "build");
    EXPECT_EQ(json["steps"][0]["took_us"], 1500);
    EXPECT_EQ(json["steps"][1]["failed"], true);
}

} // namespace
} // namespace authex::cli
