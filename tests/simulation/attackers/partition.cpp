// Nothing passes between two managers, or between the deployer and a manager, or all is well again.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Partition final : public Action {
    [[nodiscard]] const char* name() const override { return "partition"; }
    void act(World& world, const Decision& decision) const override {
        const std::size_t machines = world.machines.size();
        switch (decision.value % 4) {
        case 0:
        case 1:
            world.network.part(decision.who % machines, (decision.who / machines) % machines);
            return;
        case 2:
            machine_of(world, decision.who).deployer_parted = true;
            return;
        default:
            world.network.heal();
            for (const auto& machine : world.machines) {
                machine->deployer_parted = false;
            }
        }
    }
};

} // namespace

AttackerPtr make_partition() {
    return std::make_unique<Partition>();
}

} // namespace authex::simulation
