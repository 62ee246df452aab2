// A lying manager changes what the header of a seen frame says (channel, kind, direction, counter),
// or its body, and shows it to a module or a peer.
#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {
namespace {

class LiarForge final : public Action {
    [[nodiscard]] const char* name() const override { return "liar-forge"; }
    [[nodiscard]] bool destroys() const override { return true; }
    void act(World& world, const Decision& decision) const override {
        Random random(decision.value);
        Machine& machine = machine_of(world, decision.who);
        const auto processes = machine.processes();
        for (std::uint64_t frames = random.between(1, 8); frames > 0; --frames) {
            const std::string text = world.some_frame(random.next());
            std::vector<std::uint8_t> frame(text.begin(), text.end());
            if (!change(frame, random)) {
                continue;
            }
            if (random.one_in(4)) {
                world.network.inject(decision.who % world.machines.size(), random.next(), frame);
            } else if (!processes.empty()) {
                machine.inject(processes[random.below(processes.size())], frame);
            }
        }
    }

    static bool change(std::vector<std::uint8_t>& frame, Random& random) {
        wire::FrameHeader header;
        if (wire::parse_header(frame, header) != Error::none) {
            return false;
        }
        switch (random.below(6)) {
        case 0:
            header.channel = static_cast<std::uint16_t>(random.between(1, 8));
            break;
        case 1:
            header.kind = static_cast<wire::Kind>(random.between(1, wire::kind_max));
            break;
        case 2:
            header.flags ^= wire::flag_direction;
            break;
        case 3:
            header.counter += random.between(0, 4) - 2;
            break;
        case 4:
            header.flags ^= wire::flag_negative;
            break;
        default:
            frame[random.below(frame.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
            return true;
        }
        wire::write_header(header, frame);
        return true;
    }
};

} // namespace

AttackerPtr make_liar_forge() {
    return std::make_unique<LiarForge>();
}

} // namespace authex::simulation
