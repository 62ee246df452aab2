#include "cli/since.hpp"

#include <charconv>
#include <ctime>
#include <optional>

#include <fmt/format.h>

namespace authex::cli {
namespace {

using Time = std::chrono::system_clock::time_point;

std::optional<std::chrono::seconds> ago(const std::string& text) {
    constexpr std::int64_t days_max = 36500;
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || end - stop != 1 || count < 0 || count > days_max * 86400) {
        return std::nullopt;
    }
    switch (*stop) {
    case 's':
        return std::chrono::seconds(count);
    case 'm':
        return std::chrono::minutes(count);
    case 'h':
        return count <= days_max * 24 ? std::optional(std::chrono::hours(count)) : std::nullopt;
    case 'd':
        return count <= days_max ? std::optional(std::chrono::hours(24 * count)) : std::nullopt;
    default:
        return std::nullopt;
    }
}

/// `Z` or `+01:00`, in seconds.
std::optional<int> zone_of(const std::string& text) {
    if (text == "Z" || text == "z") {
        return 0;
    }
    int hours = 0;
    int minutes = 0;
    const bool shaped = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
                        std::from_chars(&text[1], &text[3], hours).ptr == &text[3] &&
                        std::from_chars(&text[4], text.data() + 6, minutes).ptr == text.data() + 6;
    if (!shaped || hours > 23 || minutes > 59) {
        return std::nullopt;
    }
    const int seconds = hours * 3600 + minutes * 60;
    return text[0] == '-' ? -seconds : seconds;
}

std::optional<Time> stamp(const std::string& text) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) {
        return std::nullopt;
    }
    std::int64_t fraction_us = 0;
    if (*rest == '.') {
        std::int64_t unit = 100'000;
        for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) {
            fraction_us += (*rest - '0') * unit;
        }
    }
    const auto zone = zone_of(rest);
    if (!zone) {
        return std::nullopt;
    }
    return std::chrono::system_clock::from_time_t(::timegm(&parts)) - std::chrono::seconds(*zone) +
           std::chrono::microseconds(fraction_us);
}

} // namespace

Expected<std::chrono::seconds> parse_span(const std::string& text) {
    const auto span = ago(text);
    return span && span->count() > 0 ? Expected<std::chrono::seconds>(*span)
                                     : failure("payload-time",
                                               fmt::format("\"{}\" is no length of time", text),
                                               "write it as 30s, 5m, 2h or 1d");
}

Expected<Time> parse_since(const std::string& text, Time now) {
    if (const auto span = ago(text)) {
        return now - *span;
    }
    if (const auto time = stamp(text)) {
        return *time;
    }
    return failure("payload-time",
                   fmt::format("\"{}\" is no time", text),
                   "write how long ago, as 30s, 5m, 2h or 1d, or a time with its zone, as "
                   "2026-01-31T12:00:00Z");
}

} // namespace authex::cli
