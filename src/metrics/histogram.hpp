#pragma once
// Durations counted in fixed buckets.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace authex::metrics {

/// Buckets of powers of two, from 1 µs to 16.8 s, and one for what took longer. observe() takes a
/// few instructions and no memory. Not thread-safe; copies are snapshots.
class Histogram {
  public:
    static constexpr std::size_t bounds = 25;

    void observe(std::uint64_t us) {
        const auto bucket = us == 0 ? 0U : static_cast<unsigned>(std::bit_width(us - 1));
        ++counts_[std::min<std::size_t>(bucket, bounds)];
        sum_us_ += us;
    }

    /// Largest duration of a bucket, in µs. @pre bucket < bounds
    [[nodiscard]] static constexpr std::uint64_t bound_us(std::size_t bucket) {
        return std::uint64_t{1} << bucket;
    }
    /// How many were observed in one bucket. @pre bucket <= bounds
    [[nodiscard]] std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
    [[nodiscard]] std::uint64_t sum_us() const { return sum_us_; }

  private:
    std::array<std::uint64_t, bounds + 1> counts_{};
    std::uint64_t sum_us_ = 0;
};

} // namespace authex::metrics
