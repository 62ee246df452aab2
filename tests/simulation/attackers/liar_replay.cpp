// A lying manager shows a module, or a peer, a frame that was seen anywhere before.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LiarReplay final : public Action {
    [[nodiscard]] const char* name() const override { return "liar-replay"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Random random(decision.value);
        Machine& machine = machine_of(world, decision.who);
        const auto processes = machine.processes();
        for (std::uint64_t frames = random.between(1, 8); frames > 0; --frames) {
            const std::string text = world.some_frame(random.next());
            const std::vector<std::uint8_t> frame(text.begin(), text.end());
            if (random.one_in(4)) {
                world.network.inject(decision.who % world.machines.size(), random.next(), frame);
            } else if (!processes.empty()) {
                machine.inject(processes[random.below(processes.size())], frame);
            }
        }
    }
};

} // namespace

AttackerPtr make_liar_replay() {
    return std::make_unique<LiarReplay>();
}

} // namespace authex::simulation
