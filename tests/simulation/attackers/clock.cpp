// The clock of a node jumps ahead, its date or that of the deployer anywhere.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Clock final : public Action {
    [[nodiscard]] const char* name() const override { return "clock"; }
    void act(World& world, const Decision& decision) const override {
        constexpr std::uint64_t hour_us = std::uint64_t{3600} * 1'000'000;
        const std::uint64_t some = decision.value / 3;
        const std::int64_t date = static_cast<std::int64_t>(some % (2000 * hour_us)) -
                                  static_cast<std::int64_t>(1000 * hour_us);
        switch (decision.value % 3) {
        case 0:
            machine_of(world, decision.who).clock_ahead_us += some % (10 * hour_us);
            return;
        case 1:
            machine_of(world, decision.who).date_ahead_us = date;
            return;
        default:
            world.owner.date_ahead_us = date;
        }
    }
};

} // namespace

AttackerPtr make_clock() {
    return std::make_unique<Clock>();
}

} // namespace authex::simulation
