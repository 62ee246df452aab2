// A module takes the frames of a connection's epoch one after the other, from the first, each once,
// whatever keys they are under and whichever processes of it take them.
#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

class OnceInOrder final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "once-in-order"; }

    void take(const Process& process,
              const authex_endpoint& endpoint,
              const authex_message&,
              const OpenedFrame* frame) override {
        if (frame == nullptr || process.hidden()) {
            return; // what a hidden one takes is nobody's, as long as nobody takes anything from it
        }
        const Line& line = world_.ledger.line(frame->key);
        const bool back = frame->kind == wire::Kind::reply;
        const std::uint64_t expected = back ? line.taken_back : line.taken_forward;
        if (frame->counter != expected) {
            violated(fmt::format("{}.{} takes frame {} of channel {} where {} is next",
                                 process.module(),
                                 endpoint.name,
                                 frame->counter,
                                 frame->channel,
                                 expected));
        }
    }
};

} // namespace

std::unique_ptr<Invariant> make_once_in_order(World& world) {
    return std::make_unique<OnceInOrder>(world);
}

} // namespace authex::simulation
