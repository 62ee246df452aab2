// The network between managers holds acknowledgements until the owner has turned the epoch.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class HoldAcks final : public Action {
    [[nodiscard]] const char* name() const override { return "hold-acks"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.between(18, 23); // µs, up to eight seconds
    }
    void act(World& world, const Decision& decision) const override {
        world.network.hold_answers(decision.who % world.machines.size(), decision.value);
    }
};

} // namespace

AttackerPtr make_hold_acks() {
    return std::make_unique<HoldAcks>();
}

} // namespace authex::simulation
