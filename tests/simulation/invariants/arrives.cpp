// When faults stop, everything that was sent under the present keys has arrived, and been answered.
#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

class Arrives final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "arrives"; }

    void rest() override {
        const auto state = deployer::State::open(world_.owner.database());
        if (!state) {
            violated("the deployer's state cannot be opened");
            return;
        }
        for (const auto& [id, record] : (*state)->connections()) {
            KeyName key{};
            copy(record.key.view(), key);
            const auto found = world_.ledger.streams.find(key);
            if (found == world_.ledger.streams.end()) {
                continue; // nothing was sent
            }
            const Stream& stream = found->second;
            if (stream.taken_forward != stream.forward.size()) {
                violated(fmt::format("on {} {} frames were sent and {} taken",
                                     record.name,
                                     stream.forward.size(),
                                     stream.taken_forward));
            }
            if (!record.direct() && stream.taken_back != stream.back.size()) {
                violated(fmt::format("on {} {} replies were sent and {} taken",
                                     record.name,
                                     stream.back.size(),
                                     stream.taken_back));
            }
        }
    }
};

} // namespace

std::unique_ptr<Invariant> make_arrives(World& world) {
    return std::make_unique<Arrives>(world);
}

} // namespace authex::simulation
