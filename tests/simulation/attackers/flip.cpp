// The network between managers changes a record: one bit, or one bit with checksums made right, or
// its end is missing.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Flip final : public Action {
    [[nodiscard]] const char* name() const override { return "flip"; }
    // A changed acknowledgement with honest checksums can drop what is on its way.
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        constexpr RecordFault::What ways[] = {
            RecordFault::What::flip, RecordFault::What::rewrite, RecordFault::What::cut};
        world.network.arm(decision.who % world.machines.size(),
                          {ways[decision.value % 3], decision.value / 3});
    }
};

} // namespace

AttackerPtr make_flip() {
    return std::make_unique<Flip>();
}

} // namespace authex::simulation
