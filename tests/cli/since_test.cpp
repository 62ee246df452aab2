#include "cli/since.hpp"

#include <gtest/gtest.h>

namespace authex::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::system_clock;
using Time = system_clock::time_point;

const Time now{seconds(1'000'000'000)};

TEST(ParseSince, HowLongAgo) {
    struct Row {
        const char* text;
        std::int64_t ago_s;
    };
    for (const Row& row : {Row{"0s", 0},
                           {"30s", 30},
                           {"5m", 300},
                           {"2h", 7200},
                           {"1d", 86400},
                           {"36500d", 3153600000}}) {
        const auto since = parse_since(row.text, now);
        ASSERT_TRUE(since) << row.text;
        EXPECT_EQ(now - *since, seconds(row.ago_s)) << row.text;
    }
}

TEST(ParseSince, ATimeWithItsZone) {
    struct Row {
        const char* text;
        std::int64_t unix_us;
    };
    for (const Row& row : {Row{"1970-01-01T00:00:01Z", 1'000'000},
                           {"1970-01-01T01:00:00+01:00", 0},
                           {"1969-12-31T22:30:00-01:30", 0},
                           {"2001-09-09T01:46:40.25Z", 1'000'000'000'250'000},
                           {"2001-09-09T01:46:40.1234567Z", 1'000'000'000'123'456}}) {
        const auto since = parse_since(row.text, now);
        ASSERT_TRUE(since) << row.text;
        EXPECT_EQ(*since, Time(microseconds(row.unix_us))) << row.text;
    }
}

TEST(ParseSince, AnythingElseIsRefused) {
    for (const char* text : {"",
                             "s",
                             "5",
                             "5w",
                             "-5m",
                             "5 m",
                             "1.5h",
                             "36501d",
                             "99999999999999999999s",
                             "yesterday",
                             "2026-01-31",
                             "2026-01-31T12:00:00",
                             "2026-01-31 12:00:00Z",
                             "2026-01-31T12:00:00+1",
                             "2026-01-31T12:00:00+99:00",
                             "2026-01-31T12:00:00Zx",
                             "2026-13-31T12:00:00Z"}) {
        const auto since = parse_since(text, now);
        ASSERT_FALSE(since) << text;
        EXPECT_EQ(since.error().code, "payload-time") << text;
    }
}

} // namespace
} // namespace authex::cli
