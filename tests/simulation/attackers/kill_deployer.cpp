// The deployer is killed at one of the places where it speaks to a node or to its disk.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class KillDeployer final : public Action {
    [[nodiscard]] const char* name() const override { return "kill-deployer"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return random.between(1, 60);
    }
    void act(World& world, const Decision& decision) const override {
        world.owner.kill_after(static_cast<std::uint32_t>(decision.value));
    }
};

} // namespace

AttackerPtr make_kill_deployer() {
    return std::make_unique<KillDeployer>();
}

} // namespace authex::simulation
