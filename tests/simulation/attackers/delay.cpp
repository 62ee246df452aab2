// The network between managers holds a record and all behind it.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Delay final : public Action {
    [[nodiscard]] const char* name() const override { return "delay"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.below(24); // µs, up to eight seconds
    }
    void act(World& world, const Decision& decision) const override {
        world.network.arm(decision.who % world.machines.size(),
                          {RecordFault::What::delay, decision.value});
    }
};

} // namespace

AttackerPtr make_delay() {
    return std::make_unique<Delay>();
}

} // namespace authex::simulation
