// The network between managers loses a record.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Drop final : public Action {
    [[nodiscard]] const char* name() const override { return "drop"; }
    void act(World& world, const Decision& decision) const override {
        world.network.arm(decision.who % world.machines.size(), {RecordFault::What::drop, 0});
    }
};

} // namespace

AttackerPtr make_drop() {
    return std::make_unique<Drop>();
}

} // namespace authex::simulation
