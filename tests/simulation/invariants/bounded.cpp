// What a manager holds stays within its limits.                                     (docs P30)
#include <algorithm>

#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

constexpr std::size_t links_max_bytes = std::size_t{64} << 20U;
constexpr std::size_t logs_max_bytes = std::size_t{4} << 20U;

class Bounded final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "bounded"; }

    void look() override {
        for (const auto& machine : world_.machines) {
            const em::Snapshot snapshot = machine->snapshot();
            // Each connection is granted as much as one largest frame needs, in both directions.
            const std::uint64_t granted =
                2 * snapshot.connections.size() * em::SpillBudget::guaranteed_bytes;
            if (snapshot.spill_bytes > snapshot.spill_limit_bytes + granted) {
                violated(fmt::format("{} keeps {} bytes", machine->name(), snapshot.spill_bytes));
            }
            // Each direction's outbox, or what waits for room at a module.
            const std::uint64_t most =
                2 * std::max(snapshot.spill_limit_bytes / 4, em::SpillBudget::guaranteed_bytes) +
                em::Router::window_bytes + wire::max_frame_bytes;
            for (const em::ConnectionCounters& each : snapshot.connections) {
                if (each.waiting_bytes > most) {
                    violated(fmt::format("{} keeps {} bytes of channel {}",
                                         machine->name(),
                                         each.waiting_bytes,
                                         each.channel));
                }
            }
            if (machine->log_bytes() > logs_max_bytes) {
                violated(fmt::format("{} keeps too many lines", machine->name()));
            }
        }
        if (world_.network.held_bytes() > links_max_bytes) {
            violated("the links hold too much");
        }
    }
};

} // namespace

std::unique_ptr<Invariant> make_bounded(World& world) {
    return std::make_unique<Bounded>(world);
}

} // namespace authex::simulation
