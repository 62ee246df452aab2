#include "metrics/exposition.hpp"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace authex::metrics {
namespace {

/// Backslash and line feed are escaped everywhere, quotes in labels only.
std::string escape(std::string_view text, bool quotes) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\\') {
            escaped += "\\\\";
        } else if (c == '\n') {
            escaped += "\\n";
        } else if (c == '"' && quotes) {
            escaped += "\\\"";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

std::string_view to_string(Type type) {
    switch (type) {
    case Type::counter:
        return "counter";
    case Type::gauge:
        return "gauge";
    case Type::histogram:
        return "histogram";
    }
    return {};
}

std::string number(double value) {
    // Whole numbers that a double holds exactly are written out.
    constexpr double exact_max = 9007199254740992.0;
    if (std::isinf(value)) {
        return value > 0 ? "+Inf" : "-Inf";
    }
    return value == std::floor(value) && std::abs(value) <= exact_max ? fmt::format("{:.0f}", value)
                                                                      : fmt::format("{}", value);
}

void append(std::string& text, const Family& family, const Sample& sample) {
    const auto end = std::back_inserter(text);
    fmt::format_to(end, "{}{}", family.name, sample.suffix);
    char before = '{';
    for (const auto& [name, value] : sample.labels) {
        fmt::format_to(end, "{}{}=\"{}\"", before, name, escape(value, true));
        before = ',';
    }
    fmt::format_to(end, "{}{}\n", sample.labels.empty() ? " " : "} ", number(sample.value));
}

} // namespace

void Family::add(const Labels& labels, const Histogram& histogram) {
    constexpr double second_us = 1e6;
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket <= Histogram::bounds; ++bucket) {
        below += histogram.count(bucket);
        Labels bounded = labels;
        bounded.emplace_back(
            "le",
            bucket == Histogram::bounds
                ? "+Inf"
                : fmt::format("{}", static_cast<double>(Histogram::bound_us(bucket)) / second_us));
        samples.push_back({"_bucket", std::move(bounded), static_cast<double>(below)});
    }
    samples.push_back({"_sum", labels, static_cast<double>(histogram.sum_us()) / second_us});
    samples.push_back({"_count", labels, static_cast<double>(below)});
}

std::string to_text(const std::vector<Family>& families) {
    std::string text;
    for (const Family& family : families) {
        fmt::format_to(std::back_inserter(text),
                       "# HELP {0} {1}\n# TYPE {0} {2}\n",
                       family.name,
                       escape(family.help, false),
                       to_string(family.type));
        for (const Sample& sample : family.samples) {
            append(text, family, sample);
        }
    }
    return text;
}

} // namespace authex::metrics
