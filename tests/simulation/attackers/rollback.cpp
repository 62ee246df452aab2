// A node gives a module a state that it has kept earlier: one module in a world, always the same.
// Where its witnesses are rolled back as well, nobody knows better.             (docs/state.md)
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Rollback final : public Action {
    [[nodiscard]] const char* name() const override { return "rollback"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Machine& machine = machine_of(world, decision.who);
        Random random(decision.value);
        for (const auto& [module, process] : machine.keepers()) {
            std::vector<std::string>& copies = machine.copies[module];
            copies.push_back(machine.disk.kept_state(module));
            if (random.one_in(2)) {
                const bool old = world.roll_back(process->module());
                process->kill();
                machine.disk.put_state(module,
                                       old ? copies[random.below(copies.size())] : copies.back());
            }
        }
    }
};

} // namespace

AttackerPtr make_rollback() {
    return std::make_unique<Rollback>();
}

} // namespace authex::simulation
