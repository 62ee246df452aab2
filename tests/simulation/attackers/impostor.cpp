// A lying manager starts another image in the place of a module, and ends the real one.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Impostor final : public Action {
    [[nodiscard]] const char* name() const override { return "impostor"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        const auto& modules = world.shape().descriptor.modules;
        const std::string& played = modules[decision.value % modules.size()].name;
        const std::string& by = modules[decision.value / 16 % modules.size()].name;
        for (const auto& machine : world.machines) {
            if (const auto process = machine->process(played)) {
                machine->impostors[played] = by;
                process->kill();
            }
        }
    }
};

} // namespace

AttackerPtr make_impostor() {
    return std::make_unique<Impostor>();
}

} // namespace authex::simulation
