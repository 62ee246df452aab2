#pragma once
// Metrics as Prometheus reads them: text format 0.0.4.
// (prometheus.io/docs/instrumenting/exposition_formats)

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/histogram.hpp"

namespace authex::metrics {

enum class Type : std::uint8_t { counter, gauge, histogram };

/// Names and values; names are `[a-z_]+` and literals of the program.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct Sample {
    std::string suffix; ///< of the family's name: "_bucket", "_sum", "_count"; else empty
    Labels labels;
    double value = 0;
};

/// All samples of one name. `name` and `help` are literals of the program.
struct Family {
    std::string_view name;
    Type type = Type::gauge;
    std::string_view help;
    std::vector<Sample> samples;

    void add(Labels labels, std::uint64_t value) {
        samples.push_back({{}, std::move(labels), static_cast<double>(value)});
    }
    void add(Labels labels, double value) { samples.push_back({{}, std::move(labels), value}); }
    /// In seconds, with cumulative buckets, as a histogram's samples are.
    void add(const Labels& labels, const Histogram& histogram);
};

/// What the HTTP answer must say of the text.
constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

/// Families in their order, also those without samples: # HELP, # TYPE, a line for each sample.
[[nodiscard]] std::string to_text(const std::vector<Family>& families);

} // namespace authex::metrics
