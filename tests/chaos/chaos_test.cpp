// Programs are killed, stopped and started in the middle of what they do, modules given new code
// and other nodes, in an order that a seed says, while numbered events flow. Who stands beside and
// sees only what goes in and comes out counts: none is lost, none comes twice, none out of order.
//
//   AUTHEX_CHAOS_FAULTS how many faults; AUTHEX_CHAOS_SEED which ones
#include "chaos.hpp"

#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace authex::test {
namespace {

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
    const char* said = std::getenv(variable); // NOLINT(concurrency-mt-unsafe): one thread
    return said == nullptr ? otherwise : std::strtoull(said, nullptr, 10);
}

void expect_nothing_lost(Faults kinds, std::uint64_t faults_otherwise) {
    const std::uint64_t seed = number_of("AUTHEX_CHAOS_SEED", std::random_device()());
    const std::uint64_t faults = number_of("AUTHEX_CHAOS_FAULTS", faults_otherwise);
    std::cout << "AUTHEX_CHAOS_SEED=" << seed << std::endl;
    Chaos chaos(seed, kinds);
    for (std::uint64_t i = 1; i <= faults && !::testing::Test::HasFailure(); ++i) {
        const std::string what = chaos.fault();
        SCOPED_TRACE(fmt::format("fault {}: {}", i, what));
        std::cout << i << ' ' << what << std::endl;
        if (i % 10 == 0 || i == faults || ::testing::Test::HasFailure()) {
            ASSERT_TRUE(chaos.arrives()) << chaos.account();
        }
    }
    std::cout << faults << " faults, " << chaos.account() << std::endl;
}

TEST(Chaos, LosesDoublesAndReordersNothing) {
    expect_nothing_lost(Faults::of_others, 10);
}

TEST(Chaos, OfUpdatesAndMovesLosesDoublesAndReordersNothing) {
    expect_nothing_lost(Faults::updates, 4);
}

TEST(Chaos, OfModulesWhoseStateIsKeptLosesDoublesAndReordersNothing) {
    expect_nothing_lost(Faults::all, 20);
}

} // namespace
} // namespace authex::test
