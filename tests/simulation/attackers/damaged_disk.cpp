// Kept frames are changed or lost on the disk while the manager is down.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class DamagedDisk final : public Action {
    [[nodiscard]] const char* name() const override { return "damaged-disk"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Machine& machine = machine_of(world, decision.who);
        constexpr std::uint64_t down_us = 1000;
        machine.kill(down_us);
        if (decision.value % 4 == 0) {
            machine.disk.lose(decision.value / 4);
        } else {
            machine.disk.damage(decision.value / 4);
        }
    }
};

} // namespace

AttackerPtr make_damaged_disk() {
    return std::make_unique<DamagedDisk>();
}

} // namespace authex::simulation
