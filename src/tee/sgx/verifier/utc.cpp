#include "tee/sgx/verifier/utc.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>

#include <fmt/format.h>

namespace authex::tee::sgx {
namespace {

/// Exactly these digits; nothing else.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (const char digit : text.substr(at, count)) {
        if (digit < '0' || digit > '9') {
            return std::nullopt;
        }
        value = value * 10 + (digit - '0');
    }
    return value;
}

/// Seconds east of UTC.
std::optional<int> offset_of(std::string_view zone) {
    if (zone == "Z") {
        return 0;
    }
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') {
        return std::nullopt;
    }
    const auto hours = digits(zone, 1, 2);
    const auto minutes = digits(zone, 4, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    const int seconds = (*hours * 60 + *minutes) * 60;
    return zone[0] == '-' ? -seconds : seconds;
}

} // namespace

std::optional<std::int64_t> parse_utc(std::string_view text) {
    constexpr std::string_view shape = "0000-00-00T00:00:00";
    if (text.size() <= shape.size()) {
        return std::nullopt;
    }
    for (const std::size_t at : {4U, 7U, 10U, 13U, 16U}) {
        if (text[at] != shape[at]) {
            return std::nullopt;
        }
    }
    const auto year = digits(text, 0, 4);
    const auto month = digits(text, 5, 2);
    const auto day = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2);
    const auto minute = digits(text, 14, 2);
    const auto second = digits(text, 17, 2);
    const auto offset = offset_of(text.substr(shape.size()));
    if (!year || !month || !day || !hour || !minute || !second || !offset || *hour > 23 ||
        *minute > 59 || *second > 59) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date(std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((days * 24 + *hour) * 60 + *minute) * 60 + *second - *offset;
}

std::string utc_text(std::int64_t time) {
    const std::chrono::sys_seconds seconds{std::chrono::seconds(time)};
    const auto midnight = std::chrono::floor<std::chrono::days>(seconds);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss clock(seconds - midnight);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                       static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()),
                       clock.hours().count(),
                       clock.minutes().count(),
                       clock.seconds().count());
}

std::int64_t utc_of(const ASN1_TIME& time) {
    std::tm parts{};
    return ASN1_TIME_to_tm(&time, &parts) == 1 ? static_cast<std::int64_t>(::timegm(&parts))
                                               : std::numeric_limits<std::int64_t>::min();
}

} // namespace authex::tee::sgx
