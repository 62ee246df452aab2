#pragma once

#include <chrono>
#include <string>

#include "base/diagnostic.hpp"

namespace authex::cli {

/// `30s`, `5m`, `2h`, `1d`. @error payload-time
[[nodiscard]] Expected<std::chrono::seconds> parse_span(const std::string& text);

/// `30s`, `5m`, `2h`, `1d` before `now`; or a time of RFC 3339 with its zone, e.g.
/// `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00.250+01:00`. @error payload-time
[[nodiscard]] Expected<std::chrono::system_clock::time_point>
parse_since(const std::string& text, std::chrono::system_clock::time_point now);

} // namespace authex::cli
