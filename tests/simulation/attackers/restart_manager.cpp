// A manager is killed and started again; its modules live on.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class RestartManager final : public Action {
    [[nodiscard]] const char* name() const override { return "restart-manager"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.below(23);
    }
    void act(World& world, const Decision& decision) const override {
        machine_of(world, decision.who).kill(decision.value);
    }
};

} // namespace

AttackerPtr make_restart_manager() {
    return std::make_unique<RestartManager>();
}

} // namespace authex::simulation
