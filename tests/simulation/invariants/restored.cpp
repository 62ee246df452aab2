// A process that goes on from a kept state goes on from the last one that others have seen of it:
// it sends nothing under a counter that its peer has taken already. And of a process before it,
// that its node may have hidden, nobody takes anything any more.
#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

class Restored final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "restored"; }

    void sealed(const Process* process, const SealView& seal) override {
        if (process == nullptr || !seal.of_connection() || world_.is_superseded(*process)) {
            return;
        }
        const Line& line = world_.ledger.line(seal.key);
        const std::uint64_t taken = seal.back() ? line.taken_back : line.taken_forward;
        if (seal.counter() < taken) {
            violated(
                fmt::format("{} goes on from an old state: it sends frame {} of channel {}, of "
                            "which {} were taken",
                            process->module(),
                            seal.counter(),
                            seal.channel(),
                            taken));
        }
    }

    void take(const Process& process,
              const authex_endpoint& endpoint,
              const authex_message&,
              const OpenedFrame* frame) override {
        if (frame == nullptr) {
            return;
        }
        const Stream& stream = world_.ledger.streams[frame->key];
        const auto& direction = frame->kind == wire::Kind::reply ? stream.back : stream.forward;
        const auto sent = direction.find(frame->counter);
        if (sent != direction.end() && sent->second.late) {
            violated(fmt::format("{}.{} takes what a process has sent after a later one of its "
                                 "module was at work",
                                 process.module(),
                                 endpoint.name));
        }
    }
};

} // namespace

std::unique_ptr<Invariant> make_restored(World& world) {
    return std::make_unique<Restored>(world);
}

} // namespace authex::simulation
