// A module is killed when its host has kept its state, and nobody has seen yet what came of it.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class DieKeeping final : public Action {
    [[nodiscard]] const char* name() const override { return "die-keeping"; }
    void act(World& world, const Decision& decision) const override {
        const auto all = machine_of(world, decision.who).keepers();
        for (const auto& [module, process] : all) {
            process->dies_after_keeping = decision.value % 2 == 0 || all.size() == 1;
        }
    }
};

} // namespace

AttackerPtr make_die_keeping() {
    return std::make_unique<DieKeeping>();
}

} // namespace authex::simulation
