#pragma once
// Seeds that were never run before, unless they are asked for again.

#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulation/run.hpp"

namespace authex::simulation {

/// AUTHEX_SIMULATION_SEED, or a random one.
inline std::uint64_t base_seed() {
    static const std::uint64_t seed = [] {
        const char* given = std::getenv("AUTHEX_SIMULATION_SEED");
        std::random_device random;
        return given != nullptr ? std::strtoull(given, nullptr, 10)
                                : (std::uint64_t{random()} << 16U) | 1U;
    }();
    return seed;
}

/// Runs them; a failure says how to see it again, and shows the shortest schedule.
inline void expect_no_violation(std::uint64_t from, std::uint64_t count) {
    fmt::print("seeds {} to {}\n", from, from + count - 1);
    for (std::uint64_t seed = from; seed < from + count; ++seed) {
        const Schedule schedule = schedule_of(seed, {});
        const Outcome outcome = run(seed, schedule);
        if (outcome.violation) {
            const Schedule shortest = minimised(seed, schedule);
            FAIL() << *outcome.violation << "\nreplay: build/release/bin/authex-simulate --seed "
                   << seed << " --minimise\nminimised:\n"
                   << to_text(shortest);
        }
    }
}

} // namespace authex::simulation
