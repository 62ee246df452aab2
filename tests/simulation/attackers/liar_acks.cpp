// A lying manager acknowledges what no module has taken, or asks for what it has taken long ago.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LiarAcks final : public Action {
    [[nodiscard]] const char* name() const override { return "liar-acks"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Random random(decision.value);
        const auto state = deployer::State::open(world.owner.database());
        if (!state || (*state)->connections().empty()) {
            return;
        }
        const auto& all = (*state)->connections();
        const auto chosen =
            std::next(all.begin(), static_cast<std::ptrdiff_t>(random.below(all.size())));
        std::array<std::uint8_t, wire::header_bytes + wire::ack_body_bytes> ack{};
        wire::write_header(
            {.kind = wire::Kind::ack,
             .deployment = (*state)->deployment(),
             .channel = chosen->first,
             .flags = static_cast<std::uint16_t>((random.one_in(4) ? wire::flag_direction : 0) |
                                                 (random.one_in(3) ? wire::flag_negative : 0)),
             .length = wire::ack_body_bytes,
             .counter = random.below(12)},
            ack);
        Writer(Bytes(ack).subspan(wire::header_bytes)).u32(chosen->second.epoch);
        world.network.inject(decision.who % world.machines.size(), random.next(), ack);
    }
};

} // namespace

AttackerPtr make_liar_acks() {
    return std::make_unique<LiarAcks>();
}

} // namespace authex::simulation
