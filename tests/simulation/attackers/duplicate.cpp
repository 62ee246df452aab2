// The network between managers brings a record twice, the second time perhaps much later.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Duplicate final : public Action {
    [[nodiscard]] const char* name() const override { return "duplicate"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.below(24);
    }
    void act(World& world, const Decision& decision) const override {
        world.network.arm(decision.who % world.machines.size(),
                          {RecordFault::What::duplicate, decision.value});
    }
};

} // namespace

AttackerPtr make_duplicate() {
    return std::make_unique<Duplicate>();
}

} // namespace authex::simulation
