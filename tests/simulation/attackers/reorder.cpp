// The network between managers lets records overtake one.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Reorder final : public Action {
    [[nodiscard]] const char* name() const override { return "reorder"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.below(24);
    }
    void act(World& world, const Decision& decision) const override {
        world.network.arm(decision.who % world.machines.size(),
                          {RecordFault::What::overtaken, decision.value});
    }
};

} // namespace

AttackerPtr make_reorder() {
    return std::make_unique<Reorder>();
}

} // namespace authex::simulation
