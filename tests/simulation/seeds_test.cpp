// A thousand fresh seeds in every run.
#include <gtest/gtest.h>

#include "simulation/fresh_seeds.hpp"

namespace authex::simulation {
namespace {

constexpr std::uint64_t shards = 4;
constexpr std::uint64_t seeds_of_shard = 300;

class FreshSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FreshSeeds, KeepWhatIsPromised) {
    expect_no_violation(base_seed() + GetParam() * seeds_of_shard, seeds_of_shard);
}

INSTANTIATE_TEST_SUITE_P(Shard, FreshSeeds, testing::Range(std::uint64_t{0}, shards));

} // namespace
} // namespace authex::simulation
