// The disk of a node is full, or has room again.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class FullDisk final : public Action {
    [[nodiscard]] const char* name() const override { return "full-disk"; }
    void act(World& world, const Decision& decision) const override {
        machine_of(world, decision.who).disk.full = decision.value % 3 != 0;
    }
};

} // namespace

AttackerPtr make_full_disk() {
    return std::make_unique<FullDisk>();
}

} // namespace authex::simulation
