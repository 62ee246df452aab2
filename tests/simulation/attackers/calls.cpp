// The network between deployer and managers loses, holds or repeats a call, or loses its answer.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class Calls final : public Action {
    [[nodiscard]] const char* name() const override { return "calls"; }
    void act(World& world, const Decision& decision) const override {
        auto& faults = machine_of(world, decision.who).call_faults;
        // It is not always the next one.
        const std::uint64_t later = decision.value / 4 % 4;
        for (std::uint64_t i = 0; i < later; ++i) {
            faults.push_back({CallFault::What::delay_request, 0});
        }
        faults.push_back({static_cast<CallFault::What>(decision.value % 4),
                          std::uint64_t{1} << (decision.value / 16 % 25)});
    }
};

} // namespace

AttackerPtr make_calls() {
    return std::make_unique<Calls>();
}

} // namespace authex::simulation
