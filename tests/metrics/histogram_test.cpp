#include "metrics/histogram.hpp"

#include <gtest/gtest.h>

namespace authex::metrics {
namespace {

std::size_t bucket_of(std::uint64_t us) {
    Histogram histogram;
    histogram.observe(us);
    for (std::size_t bucket = 0; bucket <= Histogram::bounds; ++bucket) {
        if (histogram.count(bucket) == 1) {
            return bucket;
        }
    }
    return ~std::size_t{0};
}

TEST(Histogram, CountsADurationInTheFirstBucketThatHoldsIt) {
    EXPECT_EQ(bucket_of(0), 0U);
    for (std::size_t bucket = 0; bucket < Histogram::bounds; ++bucket) {
        const std::uint64_t bound = Histogram::bound_us(bucket);
        EXPECT_EQ(bucket_of(bound), bucket) << bound;
        EXPECT_EQ(bucket_of(bound + 1), bucket + 1) << bound;
    }
}

TEST(Histogram, CountsTheLongestDurationBeyondAllBounds) {
    EXPECT_EQ(bucket_of(~std::uint64_t{0}), Histogram::bounds);
}

TEST(Histogram, SumsWhatItSaw) {
    Histogram histogram;
    histogram.observe(3);
    histogram.observe(5'000'000);
    EXPECT_EQ(histogram.sum_us(), 5'000'003U);
}

} // namespace
} // namespace authex::metrics
