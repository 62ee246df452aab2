// A lying manager loses, repeats, swaps or changes frames on their way into a module.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LiarRing final : public Action {
    [[nodiscard]] const char* name() const override { return "liar-ring"; }
    /// An order to keep the state may be among what it loses.
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        machine_of(world, decision.who)
            .frame_faults.push_back(
                {static_cast<FrameFault::What>(decision.value % 4), decision.value / 4});
    }
};

} // namespace

AttackerPtr make_liar_ring() {
    return std::make_unique<LiarRing>();
}

} // namespace authex::simulation
