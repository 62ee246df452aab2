#include "simulation/network.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

#include "em/peer_links.hpp"
#include "simulation/shape.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

constexpr std::uint64_t latency_min_us = 20;
constexpr std::uint64_t latency_max_us = 400;
constexpr em::LinkLimits limits;
constexpr std::uint64_t dead_us = 15'000'000;
constexpr std::size_t buffer_bytes = 1U << 20U;
constexpr std::size_t in_flight_max_bytes = 256 * 1024;

void flip(std::vector<std::uint8_t>& bytes, std::uint64_t bit) {
    const std::uint64_t at = bit % (bytes.size() * 8);
    bytes[at / 8] ^= static_cast<std::uint8_t>(1U << (at % 8));
}

/// The records with one bit of the first payload changed and honest checksums.
std::vector<std::uint8_t> rewritten(const std::vector<std::uint8_t>& records, std::uint64_t bit) {
    em::RecordParser parser;
    parser.set_limit(em::record_max_bytes);
    em::RecordWriter writer;
    (void)parser.feed(records, [&](ByteView payload) {
        std::vector<std::uint8_t> changed(payload.begin(), payload.end());
        if (writer.size() == 0) {
            flip(changed, bit);
        }
        writer.add_alone(changed);
        return true;
    });
    const ByteView all = writer.pending();
    return {all.begin(), all.end()};
}

using FrameAction = std::function<void(const wire::FrameHeader& header)>;

void each_frame(const std::vector<std::uint8_t>& records, const FrameAction& act) {
    em::RecordParser parser;
    parser.set_limit(em::record_max_bytes);
    (void)parser.feed(records, [&](ByteView payload) {
        wire::FrameView frame;
        while (wire::parse_frame(payload, frame) == Error::none) {
            act(frame.header);
            payload = payload.subspan(frame.frame_bytes());
        }
        return true;
    });
}

} // namespace

void Network::hold_answers(std::size_t machine, std::uint64_t at_most_us) {
    const std::uint64_t since_us = world_.now_us();
    if (holding_.try_emplace(machine, since_us).second) {
        world_.events.at(since_us + at_most_us, [this, machine, since_us] {
            const auto held = holding_.find(machine);
            if (held != holding_.end() && held->second == since_us) {
                let_go(machine);
            }
        });
    }
}

void Network::let_go(std::size_t machine) {
    holding_.erase(machine);
    for (const WirePtr& wire : wires_) {
        if (wire->sides[1].machine == machine) {
            let_go(wire);
        }
    }
}

void Network::let_go(const WirePtr& wire) {
    Side& answering = wire->sides[1];
    for (Record& record : std::exchange(answering.held, {})) {
        answering.last_arrival_us =
            std::max(answering.last_arrival_us, world_.now_us() + latency_min_us);
        arrive_at(answering.last_arrival_us, wire, 0, std::move(record));
    }
}

/// @return whether the record goes no further
bool Network::hold(const WirePtr& wire, std::size_t from, const Record& record) {
    Side& answering = wire->sides[1];
    if (!holding_.contains(answering.machine)) {
        return false;
    }
    if (from == 1) {
        answering.held.push_back(record);
        return true;
    }
    // A channel begins anew of which a module has already taken something.
    std::set<std::pair<std::uint16_t, std::uint16_t>> taken;
    for (const Record& answer : answering.held) {
        each_frame(answer, [&](const wire::FrameHeader& header) {
            if (header.kind == wire::Kind::ack && header.counter > 0) {
                taken.emplace(header.deployment, header.channel);
            }
        });
    }
    bool new_epoch = false;
    each_frame(record, [&](const wire::FrameHeader& header) {
        new_epoch = new_epoch || (header.kind == wire::Kind::event && header.counter == 0 &&
                                  taken.contains({header.deployment, header.channel}));
    });
    if (new_epoch) {
        let_go(answering.machine);
        cut_at(answering.last_arrival_us + 1, wire);
    }
    return new_epoch;
}

void Network::cut_at(std::uint64_t time_us, const WirePtr& wire) {
    world_.events.at(time_us, [this, wire, generation = wire->generation] {
        if (wire->generation == generation) {
            cut(wire);
        }
    });
}

void Network::arm(std::size_t machine, const RecordFault& fault) {
    armed_.emplace_back(machine, fault);
}

void Network::part(std::size_t a, std::size_t b) {
    if (a != b) {
        parted_.emplace(std::min(a, b), std::max(a, b));
    }
}

void Network::heal() {
    armed_.clear();
    parted_.clear();
    while (!holding_.empty()) {
        let_go(holding_.begin()->first);
    }
}

bool Network::parted(const Wire& wire) const {
    const std::size_t a = wire.sides[0].machine;
    const std::size_t b = wire.sides[1].machine;
    return parted_.contains({std::min(a, b), std::max(a, b)});
}

std::pair<Network::Wire*, std::size_t> Network::find(std::size_t machine, em::PeerId peer) const {
    for (const WirePtr& wire : wires_) {
        for (std::size_t side = 0; side < 2; ++side) {
            if (wire->sides[side].machine == machine && wire->sides[side].peer == peer) {
                return {wire.get(), side};
            }
        }
    }
    return {nullptr, 0};
}

em::PeerId Network::open(std::size_t machine, const std::string& address) {
    for (const WirePtr& wire : wires_) {
        if (!wire->gone && wire->sides[0].machine == machine && wire->address == address) {
            return wire->sides[0].peer;
        }
    }
    const auto wire = std::make_shared<Wire>();
    wire->address = address;
    wire->down_us = world_.now_us();
    wire->sides[0].machine = machine;
    wire->sides[0].peer = next_peer_++;
    const std::string_view port = std::string_view(address).substr(address.rfind(':') + 1);
    wire->sides[1].machine = static_cast<std::size_t>(std::stoul(std::string(port))) - events_port;
    wires_.push_back(wire);
    world_.events.at(world_.now_us() + latency_min_us, [this, wire] { dial(wire); });
    return wire->sides[0].peer;
}

void Network::dial_later(const WirePtr& wire) {
    const bool fresh = world_.now_us() < wire->down_us + limits.retry_fresh_us;
    wire->backoff_us = std::clamp(wire->backoff_us * 2,
                                  limits.retry_min_us,
                                  fresh ? limits.retry_fresh_max_us : limits.retry_max_us);
    const std::uint64_t wait_us = wire->backoff_us / 2 + world_.random.below(wire->backoff_us);
    world_.events.at(world_.now_us() + wait_us, [this, wire] { dial(wire); });
}

void Network::dial(const WirePtr& wire) {
    if (wire->gone || wire->up) {
        return;
    }
    if (wire->sides[1].machine >= world_.machines.size() ||
        !world_.machines[wire->sides[1].machine]->is_up() || parted(*wire)) {
        dial_later(wire);
        return;
    }
    ++wire->generation;
    wire->up = true;
    wire->backoff_us = 0;
    wire->sides[1].peer = next_peer_++;
    for (Side& side : wire->sides) {
        side.out.clear();
        side.in = em::RecordParser();
        side.in.set_limit(em::record_max_bytes);
        side.last_arrival_us = 0;
        side.in_flight_bytes = 0;
        side.held.clear();
    }
    for (Side& side : wire->sides) {
        world_.machines[side.machine]->router().peer_up(side.peer);
    }
}

void Network::cut(const WirePtr& wire) {
    if (!wire->up) {
        return;
    }
    wire->up = false;
    wire->down_us = world_.now_us();
    ++wire->generation;
    if (world_.machines[wire->sides[0].machine]->is_up()) {
        world_.machines[wire->sides[0].machine]->router().peer_down(wire->sides[0].peer);
    }
    if (world_.machines[wire->sides[1].machine]->is_up()) {
        world_.machines[wire->sides[1].machine]->router().remove_peer(wire->sides[1].peer);
    }
    dial_later(wire);
}

void Network::forget(std::size_t machine) {
    for (const WirePtr& wire : std::vector<WirePtr>(wires_)) {
        if (wire->sides[0].machine == machine) {
            wire->gone = true;
        }
        if (wire->sides[0].machine == machine || wire->sides[1].machine == machine) {
            cut(wire);
        }
    }
    std::erase_if(wires_, [](const WirePtr& wire) { return wire->gone; });
}

std::size_t Network::room(std::size_t machine, em::PeerId peer) const {
    const auto [wire, side] = find(machine, peer);
    if (wire == nullptr || !wire->up) {
        return 0;
    }
    const std::size_t used = wire->sides[side].out.size();
    return used < buffer_bytes ? buffer_bytes - used : 0;
}

void Network::send(std::size_t machine, em::PeerId peer, ByteView frames) {
    const auto [wire, side] = find(machine, peer);
    if (wire != nullptr && wire->up) {
        wire->sides[side].out.add(frames);
    }
}

void Network::inject(std::size_t machine, std::uint64_t which, ByteView frames) {
    std::vector<std::pair<Wire*, std::size_t>> own;
    for (const WirePtr& wire : wires_) {
        for (std::size_t side = 0; side < 2; ++side) {
            if (wire->up && wire->sides[side].machine == machine) {
                own.emplace_back(wire.get(), side);
            }
        }
    }
    if (!own.empty()) {
        const auto [wire, side] = own[which % own.size()];
        wire->sides[side].out.add(frames);
    }
}

bool Network::flush(std::size_t machine) {
    bool any = false;
    for (std::size_t i = 0; i < wires_.size(); ++i) {
        const WirePtr wire = wires_[i];
        for (std::size_t from = 0; from < 2 && wire->up; ++from) {
            Side& side = wire->sides[from];
            if (side.machine != machine || side.out.size() == 0 ||
                side.in_flight_bytes >= in_flight_max_bytes) {
                continue;
            }
            const ByteView pending = side.out.pending();
            Record record(pending.begin(), pending.end());
            side.out.written(pending.size());
            any = true;
            carry(wire, from, std::move(record));
            if (wire->up) {
                world_.machines[machine]->router().peer_writable(side.peer);
            }
        }
    }
    return any;
}

void Network::carry(const WirePtr& wire, std::size_t from, Record record) {
    Side& side = wire->sides[from];
    if (parted(*wire)) {
        // Nobody answers: the link is given up after a while.
        world_.events.at(world_.now_us() + dead_us, [this, wire, generation = wire->generation] {
            if (wire->generation == generation && parted(*wire)) {
                cut(wire);
            }
        });
        return;
    }
    if (hold(wire, from, record)) {
        return;
    }
    const std::uint64_t now = world_.now_us();
    std::uint64_t arrival =
        std::max(side.last_arrival_us, now + world_.random.between(latency_min_us, latency_max_us));
    const auto armed = std::find_if(armed_.begin(), armed_.end(), [&](const auto& fault) {
        return fault.first == side.machine;
    });
    if (armed != armed_.end()) {
        const RecordFault fault = armed->second;
        armed_.erase(armed);
        switch (fault.what) {
        case RecordFault::What::drop:
            return;
        case RecordFault::What::delay:
            arrival += fault.value;
            break;
        case RecordFault::What::duplicate:
            arrive_at(arrival + fault.value, wire, 1 - from, record);
            break;
        case RecordFault::What::overtaken:
            arrive_at(arrival + fault.value, wire, 1 - from, std::move(record));
            return;
        case RecordFault::What::flip:
            flip(record, fault.value);
            break;
        case RecordFault::What::rewrite:
            record = rewritten(record, fault.value);
            break;
        case RecordFault::What::cut:
            record.resize(fault.value % record.size());
            arrive_at(arrival, wire, 1 - from, std::move(record));
            cut_at(arrival, wire);
            return;
        }
    }
    side.last_arrival_us = arrival;
    arrive_at(arrival, wire, 1 - from, std::move(record));
}

void Network::arrive_at(std::uint64_t time_us, const WirePtr& wire, std::size_t to, Record record) {
    wire->sides[1 - to].in_flight_bytes += record.size();
    world_.events.at(time_us,
                     [this, wire, to, record = std::move(record), generation = wire->generation] {
                         if (wire->generation == generation && wire->up) {
                             arrived(wire, to, record);
                         }
                     });
}

void Network::arrived(const WirePtr& wire, std::size_t to, const Record& record) {
    Side& side = wire->sides[to];
    wire->sides[1 - to].in_flight_bytes -= record.size();
    em::Router& router = world_.machines[side.machine]->router();
    router.set_now(world_.machines[side.machine]->clock_us());
    const bool accepted = side.in.feed(
        record, [&](ByteView payload) { return router.from_peer(side.peer, payload); });
    if (!accepted) {
        cut(wire);
    }
}

std::size_t Network::held_bytes() const {
    std::size_t bytes = 0;
    for (const WirePtr& wire : wires_) {
        for (const Side& side : wire->sides) {
            bytes += side.out.size() + side.in.held();
        }
    }
    return bytes;
}

} // namespace authex::simulation
