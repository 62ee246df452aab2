// A node loses or damages what it has kept of a module, which dies.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LostState final : public Action {
    [[nodiscard]] const char* name() const override { return "lost-state"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Machine& machine = machine_of(world, decision.who);
        Random random(decision.value);
        for (const auto& [module, process] : machine.keepers()) {
            if (random.one_in(2)) {
                continue;
            }
            process->kill();
            std::string content = machine.disk.kept_state(module);
            if (random.one_in(2) || content.empty()) {
                machine.disk.lose_state(module);
            } else {
                content[random.below(content.size())] ^= static_cast<char>(1U << random.below(8));
                machine.disk.put_state(module, content);
            }
        }
    }
};

} // namespace

AttackerPtr make_lost_state() {
    return std::make_unique<LostState>();
}

} // namespace authex::simulation
