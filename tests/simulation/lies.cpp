#include "simulation/lies.hpp"

#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

void flip(std::string& bytes, Random& random) {
    if (!bytes.empty()) {
        bytes[random.below(bytes.size())] ^= static_cast<char>(1U << random.below(8));
    }
}

} // namespace

void lie(v1::HelloReply& reply, std::uint64_t seed, World& world) {
    Random random(seed);
    // A wrong evidence key at the first meeting is believed, and then never another one: the owner
    // has to begin anew (docs/security.md). That is no life to test.
    const auto state = deployer::State::open(world.owner.database());
    if (random.one_in(2) || !state || (*state)->nodes().size() < world.machines.size()) {
        reply.set_boot(random.below(5));
    } else {
        flip(*reply.mutable_evidence_key(), random);
    }
}

void lie(v1::ModuleStatus& reply, std::uint64_t seed, World&) {
    Random random(seed);
    switch (random.below(4)) {
    case 0:
        reply.set_state(v1::ModuleStatus::RUNNING);
        break;
    case 1: // a module that starts anew is said to be the process that it was
        reply.set_instance(1);
        reply.set_started_at_us(1);
        break;
    case 2:
        reply.set_instance(reply.instance() + 1);
        break;
    default:
        reply.set_state(v1::ModuleStatus::FAILED);
    }
}

void lie(v1::StatusReply& reply, std::uint64_t seed, World& world) {
    Random random(seed);
    for (v1::ModuleStatus& module : *reply.mutable_modules()) {
        if (random.one_in(2)) {
            lie(module, random.next(), world);
        }
    }
    for (v1::ConnectionStatus& connection : *reply.mutable_connections()) {
        if (random.one_in(4)) {
            connection.set_epoch(connection.epoch() + 1 -
                                 static_cast<std::uint32_t>(random.below(3)));
        }
    }
    if (random.one_in(4)) {
        reply.clear_modules();
    }
    if (random.one_in(4)) {
        reply.clear_connections();
    }
}

void lie(v1::ControlReply& reply, std::uint64_t seed, World& world) {
    Random random(seed);
    const auto& earlier = world.earlier_controls();
    switch (random.below(5)) {
    case 0:
        flip(*reply.mutable_frames(), random);
        break;
    case 1:
        flip(*reply.mutable_evidence(), random);
        break;
    case 2:
        if (!earlier.empty()) {
            reply = earlier[random.below(earlier.size())];
        }
        break;
    case 3:
        if (!earlier.empty()) {
            reply.set_evidence(earlier[random.below(earlier.size())].evidence());
        }
        break;
    default:
        reply.clear_frames();
    }
}

void lie(v1::KeptStateReply& reply, std::uint64_t seed, World& world) {
    Random random(seed);
    const auto& earlier = world.earlier_states();
    switch (random.below(3)) {
    case 0:
        flip(*reply.mutable_state(), random);
        break;
    case 1:
        if (!earlier.empty()) {
            reply = earlier[random.below(earlier.size())];
        }
        break;
    default:
        reply.clear_state();
    }
}

void lie(v1::DeliverReply& reply, std::uint64_t seed, World& world) {
    Random random(seed);
    switch (random.below(4)) {
    case 0:
        reply.set_expected(random.below(100));
        break;
    case 1:
        reply.set_refused(static_cast<std::uint32_t>(random.below(22)));
        break;
    case 2:
        flip(*reply.mutable_frames(), random);
        break;
    default:
        reply.set_frames(std::string(world.some_frame(random.next())));
    }
}

} // namespace authex::simulation
