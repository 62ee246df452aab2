// The process of a module is killed: keys and state are gone.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class RestartModule final : public Action {
    [[nodiscard]] const char* name() const override { return "restart-module"; }
    void act(World& world, const Decision& decision) const override {
        const auto processes = machine_of(world, decision.who).processes();
        if (!processes.empty()) {
            processes[decision.value % processes.size()]->kill();
        }
    }
};

} // namespace

AttackerPtr make_restart_module() {
    return std::make_unique<RestartModule>();
}

} // namespace authex::simulation
