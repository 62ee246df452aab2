#pragma once
// One world from one seed, from its making to its rest.

#include <optional>
#include <string>

#include "simulation/schedule.hpp"

namespace authex::simulation {

struct Outcome {
    std::optional<std::string> violation; ///< "invariant: what was wrong"
    std::uint64_t simulated_us = 0;
    std::uint64_t frames = 0; ///< sealed on connections
    std::uint64_t trace = 0;  ///< of all that happened
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Draws shape and schedule.
Schedule schedule_of(std::uint64_t seed, const DrawOptions& options);
/// Runs the schedule in the world of the seed; the same arguments have the same outcome.
Outcome run(std::uint64_t seed, const Schedule& schedule);

/// A schedule that violates what the given one does, from which no decision can be left out.
/// (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002)
Schedule minimised(std::uint64_t seed, const Schedule& schedule);

} // namespace authex::simulation
