// When faults stop, everything that was sent in the present epochs has arrived, and been answered.
#include <set>

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
            const Line& line = world_.ledger.line(key);
            std::set<std::uint64_t> forward;
            std::set<std::uint64_t> back;
            // What the owner was told has failed may be dropped, and its counter used under another
            // key.
            const std::uint64_t end = record.direct() ? record.next_counter : ~std::uint64_t{0};
            for (const KeyName& each : line.keys) {
                const Stream& stream = world_.ledger.streams[each];
                add(stream.forward, end, forward);
                add(stream.back, end, back);
            }
            if (line.taken_forward != forward.size()) {
                violated(fmt::format("on {} {} frames were sent and {} taken",
                                     record.name,
                                     forward.size(),
                                     line.taken_forward));
            }
            if (!record.direct() && line.taken_back != back.size()) {
                violated(fmt::format("on {} {} replies were sent and {} taken",
                                     record.name,
                                     back.size(),
                                     line.taken_back));
            }
        }
    }

  private:
    static void add(const std::map<std::uint64_t, SealedFrame>& frames,
                    std::uint64_t end,
                    std::set<std::uint64_t>& counters) {
        for (const auto& [counter, frame] : frames) {
            if (counter < end) {
                counters.insert(counter);
            }
        }
    }
};

} // namespace

std::unique_ptr<Invariant> make_arrives(World& world) {
    return std::make_unique<Arrives>(world);
}

} // namespace authex::simulation
