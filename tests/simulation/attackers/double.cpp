// A lying manager lets one module of a node stand for another one too.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Double final : public Action {
    [[nodiscard]] const char* name() const override { return "double"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Machine& machine = machine_of(world, decision.who);
        const auto processes = machine.processes();
        if (processes.size() < 2) {
            return;
        }
        const auto& played = processes[decision.value % processes.size()];
        const auto& by = processes[(decision.value + 1) % processes.size()];
        machine.doubles[played->module()] = by->module();
        // The owner attests anew what has started anew.
        played->kill();
    }
};

} // namespace

AttackerPtr make_double() {
    return std::make_unique<Double>();
}

} // namespace authex::simulation
