// A lying manager answers the deployer what is not so.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LiarAnswers final : public Action {
    [[nodiscard]] const char* name() const override { return "liar-answers"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Random random(decision.value);
        for (std::uint64_t answers = random.between(1, 3); answers > 0; --answers) {
            machine_of(world, decision.who).lies.push_back(random.next());
        }
    }
};

} // namespace

AttackerPtr make_liar_answers() {
    return std::make_unique<LiarAnswers>();
}

} // namespace authex::simulation
