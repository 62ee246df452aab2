// A node says that a process has ended, starts another one, and lets the one before go on.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Zombie final : public Action {
    [[nodiscard]] const char* name() const override { return "zombie"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Machine& machine = machine_of(world, decision.who);
        const auto all = machine.keepers();
        if (!all.empty()) {
            machine.hide(
                std::next(all.begin(), static_cast<std::ptrdiff_t>(decision.value % all.size()))
                    ->first);
        }
    }
};

} // namespace

AttackerPtr make_zombie() {
    return std::make_unique<Zombie>();
}

} // namespace authex::simulation
