// The simulation itself: that it replays, that it lives without attackers, and that it is deaf to
// none of them.
#include <gtest/gtest.h>

#include "simulation/fresh_seeds.hpp"

namespace authex::simulation {
namespace {

constexpr std::uint64_t some_seeds = 60;

TEST(Simulation, KeepsWhatIsPromised) {
    expect_no_violation(base_seed(), some_seeds);
}

TEST(Simulation, SameSeedIsTheSameRun) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Schedule schedule = schedule_of(seed, {});
        EXPECT_EQ(schedule, schedule_of(seed, {}));
        EXPECT_EQ(run(seed, schedule), run(seed, schedule));
    }
}

TEST(Simulation, WithoutAttackersEverythingSucceeds) {
    Schedule schedule{{.action = "up"}};
    for (std::uint64_t i = 0; i < 10; ++i) {
        schedule.push_back({.action = i % 3 == 0 ? "request" : "burst", .who = i, .value = 3});
    }
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Outcome outcome = run(seed, schedule);
        EXPECT_EQ(outcome.violation, std::nullopt) << seed;
        EXPECT_GE(outcome.frames, 15U) << seed;
    }
}

class EachAttacker : public testing::TestWithParam<std::size_t> {};

TEST_P(EachAttacker, AloneBreaksNothing) {
    const std::string name = attackers()[GetParam()]->name();
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const Schedule schedule = schedule_of(seed, {.attackers = {name}});
        EXPECT_EQ(run(seed, schedule).violation, std::nullopt) << name << ", seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(All, EachAttacker, testing::Range(std::size_t{0}, attackers().size()));

TEST(Simulation, EveryActionHasANameOfItsOwn) {
    for (const auto& attacker : attackers()) {
        EXPECT_EQ(find_action(attacker->name()), attacker.get()) << attacker->name();
    }
}

} // namespace
} // namespace authex::simulation
