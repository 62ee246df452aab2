#include "metrics/exposition.hpp"

#include <gtest/gtest.h>

#include "support/exposition.hpp"

namespace authex::metrics {
namespace {

TEST(Exposition, SaysHelpTypeAndEachSample) {
    Family family{"a_total", Type::counter, "What a does.", {}};
    family.add({{"x", "1"}, {"y", "two"}}, std::uint64_t{7});
    family.add({{"x", "2"}, {"y", "two"}}, 0.5);
    Family plain{"b", Type::gauge, "B.", {}};
    plain.add({}, std::uint64_t{1} << 53U);
    EXPECT_EQ(to_text({family, plain}),
              "# HELP a_total What a does.\n# TYPE a_total counter\n"
              "a_total{x=\"1\",y=\"two\"} 7\na_total{x=\"2\",y=\"two\"} 0.5\n"
              "# HELP b B.\n# TYPE b gauge\nb 9007199254740992\n");
}

TEST(Exposition, EscapesWhatWouldEndALabelOrALine) {
    Family family{"a", Type::gauge, "one\ntwo \\ \"three\"", {}};
    family.add({{"x", "quote \" slash \\ line \n end"}}, 1.0);
    const std::string text = to_text({family});
    EXPECT_NE(text.find(R"(# HELP a one\ntwo \\ "three")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"(a{x="quote \" slash \\ line \n end"} 1)"), std::string::npos) << text;
    EXPECT_EQ(test::read_exposition(text).problem, "");
}

TEST(Exposition, HistogramsAreCumulativeAndInSeconds) {
    Histogram histogram;
    for (const std::uint64_t us : {1U, 2U, 2U, 1'000'000U, 100'000'000U}) {
        histogram.observe(us);
    }
    Family family{"wait_seconds", Type::histogram, "Waiting.", {}};
    family.add({{"x", "1"}}, histogram);
    const test::Scrape scrape = test::read_exposition(to_text({family}));
    EXPECT_EQ(scrape.problem, "");
    EXPECT_EQ(scrape.value("wait_seconds_bucket{x=\"1\",le=\"1e-06\"}"), 1);
    EXPECT_EQ(scrape.value("wait_seconds_bucket{x=\"1\",le=\"2e-06\"}"), 3);
    EXPECT_EQ(scrape.value("wait_seconds_bucket{x=\"1\",le=\"16.777216\"}"), 4);
    EXPECT_EQ(scrape.value("wait_seconds_bucket{x=\"1\",le=\"+Inf\"}"), 5);
    EXPECT_EQ(scrape.value("wait_seconds_count{x=\"1\"}"), 5);
    EXPECT_DOUBLE_EQ(scrape.value("wait_seconds_sum{x=\"1\"}").value_or(0), 101.000005);
}

TEST(Exposition, FamiliesWithoutSamplesAreNamed) {
    EXPECT_EQ(to_text({{"a", Type::gauge, "A.", {}}}), "# HELP a A.\n# TYPE a gauge\n");
    EXPECT_EQ(to_text({}), "");
}

/// The reader of these tests must find what is wrong.
TEST(ExpositionReader, RefusesWhatPrometheusWould) {
    const std::string head = "# HELP a A.\n# TYPE a gauge\n";
    for (const std::string& bad :
         {std::string("a 1\n"),
          head + "a 1",
          head + "b 1\n",
          head + "a x\n",
          head + "a{x=1} 1\n",
          head + "a{x=\"1} 1\n",
          head + "a 1\na 1\n",
          head + head,
          std::string("# HELP a A.\n# TYPE b gauge\n"),
          std::string("# HELP a A.\n# TYPE a number\n"),
          std::string("# HELP a A.\n# TYPE a counter\na 1\n"),
          std::string(
              "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} "
              "1\n"),
          std::string("# HELP a A.\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\n")}) {
        EXPECT_NE(test::read_exposition(bad).problem, "") << bad;
    }
}

} // namespace
} // namespace authex::metrics
