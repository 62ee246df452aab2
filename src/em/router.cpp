// Modules, and the frames that come in.
#include "em/router.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "em/router_state.hpp"

namespace authex::em {
namespace {

/// Connections without a route whose link is remembered.
constexpr std::size_t strangers_max = 4096;
/// u8 kind, u8 Error.
constexpr std::size_t refusal_body_bytes = 2;

} // namespace

Router::Router(RouterOutside& outside, std::uint64_t spill_limit_bytes, std::uint64_t seed)
    : outside_(outside), budget_(spill_limit_bytes), random_(seed | 1U) {}

Router::~Router() {
    connections_.clear();
}

Router::Connection* Router::find(std::uint16_t deployment, std::uint16_t channel) const {
    const auto found = connections_.find(key_of(deployment, channel));
    return found == connections_.end() ? nullptr : found->second.get();
}

Router::Connection* Router::find_cached(Module& module, std::uint16_t channel) {
    const std::uint32_t key = key_of(module.name.deployment, channel);
    if (module.cached == nullptr || module.cached_key != key) {
        module.cached = find(module.name.deployment, channel);
        module.cached_key = key;
    }
    return module.cached;
}

void Router::forget_caches() {
    peer_cached_ = nullptr;
    for (auto& [id, module] : modules_) {
        module->cached = nullptr;
    }
}

Router::Target* Router::peer_target(PeerId id) {
    std::unique_ptr<Target>& target = peers_[id];
    if (target == nullptr) {
        target = std::make_unique<Target>();
        target->id = id;
    }
    return target.get();
}

void Router::add_module(ModuleId id, const ModuleName& name) {
    auto module = std::make_unique<Module>();
    module->name = name;
    module->target.is_module = true;
    module->target.id = id;
    modules_[id] = std::move(module);
    names_[name] = id;
    for (auto& [key, connection] : connections_) {
        if (connection->route.deployment == name.deployment) {
            resolve(*connection);
        }
    }
}

void Router::module_ready(ModuleId id) {
    const auto found = modules_.find(id);
    if (found == modules_.end()) {
        return;
    }
    found->second->target.up = true;
    for (auto& [key, connection] : connections_) {
        for (Lane& lane : connection->lanes) {
            if (lane.sink == &found->second->target) {
                resume(lane);
            }
            lane.stays = lane.stays && lane.source != id && lane.destination != id;
            let_stay(lane);
        }
    }
}

void Router::module_keyed(ModuleId id) {
    const auto found = modules_.find(id);
    if (found == modules_.end()) {
        return;
    }
    for (auto& [key, connection] : connections_) {
        for (Lane& lane : connection->lanes) {
            const bool waits = lane.outbox == nullptr
                                   ? lane.came_from != no_id
                                   : lane.resuming || lane.outbox->in_flight_bytes() > 0;
            if (waits && lane.sink == &found->second->target) {
                ask(lane);
            }
        }
    }
}

void Router::remove_module(ModuleId id) {
    const auto found = modules_.find(id);
    if (found == modules_.end()) {
        return;
    }
    const std::unique_ptr<Module> module = std::move(found->second);
    modules_.erase(found);
    held_up_.erase(id);
    names_.erase(module->name);
    dirty_.erase(std::remove(dirty_.begin(), dirty_.end(), &module->target), dirty_.end());
    for (auto& [key, connection] : connections_) {
        for (Lane& lane : connection->lanes) {
            if (lane.sink == &module->target) {
                lane.queued = false;
                lane.sink = nullptr;
                lane.pending.clear();
                lane.pending_begin = 0;
            }
            if (lane.blocked == id) {
                lane.blocked = no_id;
            }
        }
        resolve(*connection);
    }
}

void Router::peer_up(PeerId id) {
    Target* target = peer_target(id);
    target->up = true;
    for (auto& [key, connection] : connections_) {
        for (Lane& lane : connection->lanes) {
            if (lane.sink == target && lane.outbox != nullptr) {
                resume(lane);
            }
        }
    }
}

void Router::peer_down(PeerId id) {
    peer_target(id)->up = false;
    for (auto& [key, connection] : connections_) {
        for (Lane& lane : connection->lanes) {
            if (lane.came_from == id) {
                lane.came_from = no_id;
            }
        }
    }
}

void Router::remove_peer(PeerId id) {
    peer_down(id);
    std::erase_if(strangers_, [id](const auto& stranger) { return stranger.second == id; });
    peers_.erase(id);
}

std::size_t Router::from_module(ModuleId id, ByteView bytes) {
    const auto found = modules_.find(id);
    if (found == modules_.end()) {
        return 0;
    }
    Module& module = *found->second;
    // Behind what did not fit, only what is new is looked at.
    std::size_t at = std::exchange(module.retry, false) ? 0 : module.ahead;
    bool stuck = at != 0;
    std::size_t freed = 0;
    while (module.alive && bytes.size() - at >= wire::header_bytes) {
        // One copy is judged and kept: the module may change its memory meanwhile.
        std::array<std::uint8_t, wire::header_bytes> copied;
        std::memcpy(copied.data(), bytes.data() + at, copied.size());
        std::atomic_signal_fence(std::memory_order_seq_cst);
        wire::FrameHeader header;
        const Error error = wire::parse_header(copied, header);
        if (error != Error::none) {
            fail(module, fmt::format("wrote what is no frame: {}", error_text(error)));
            return 0;
        }
        if (header.frame_bytes() > bytes.size() - at) {
            break;
        }
        const ByteView frame = bytes.subspan(at, header.frame_bytes());
        const bool seen = at < module.ahead;
        stuck = !take_module_frame(module, header, frame, seen) || stuck;
        at += frame.size();
        freed = stuck ? freed : at;
    }
    if (!sync_taken(module)) {
        freed = 0;
    }
    module.stall += stuck ? 0U : 1U;
    module.ahead = std::max(module.ahead, at) - freed;
    return freed;
}

bool Router::go_on_with(ModuleId id, ByteView frames) {
    const auto found = modules_.find(id);
    bool all = found != modules_.end();
    wire::FrameView view;
    while (all && !frames.empty() && wire::parse_frame(frames, view) == Error::none) {
        const ByteView frame = frames.first(view.frame_bytes());
        frames = frames.subspan(frame.size());
        const bool kept = view.header.kind == wire::Kind::event ||
                          view.header.kind == wire::Kind::request ||
                          view.header.kind == wire::Kind::reply;
        all = !kept || take_outgoing(*found->second, view.header, frame, Outgoing::kept);
    }
    return all && frames.empty() && sync_taken(*found->second);
}

/// Where frames are to outlive a power cut, the module may only forget them when the disk has them.
bool Router::sync_taken(Module& module) {
    const bool has_failed = module.sync_again != never;
    if (has_failed && now_ < module.sync_again) {
        return false;
    }
    Expected<bool> synced(true);
    while (synced && !module.to_sync.empty()) {
        const auto [channel, direction] = *module.to_sync.begin();
        Connection* connection = find_cached(module, channel);
        Outbox* outbox = connection == nullptr ? nullptr : connection->lane(direction).outbox.get();
        synced = outbox == nullptr ? true : outbox->sync();
        if (synced) {
            module.to_sync.erase(module.to_sync.begin());
        }
    }
    if (!synced) {
        module.sync_again = now_ + disk_again_us;
        held_up_.insert(module.target.id);
        outside_.disk_failed(module.target.id, synced.error());
    } else if (has_failed) {
        module.sync_again = never;
        module.retry = true; // what is in its ring is presented again, and known then
        held_up_.erase(module.target.id);
        outside_.disk_works(module.target.id);
        outside_.unblocked(module.target.id);
    }
    return synced.has_value();
}

/// @return false: no room for it; it must be presented again.
bool Router::take_module_frame(Module& module,
                               const wire::FrameHeader& header,
                               ByteView frame,
                               bool seen) {
    switch (header.kind) {
    case wire::Kind::event:
    case wire::Kind::request:
    case wire::Kind::reply:
        return take_outgoing(module, header, frame, seen ? Outgoing::seen : Outgoing::fresh);
    case wire::Kind::ack:
    case wire::Kind::refusal:
        if (!seen) {
            take_module_answer(module, header, frame.subspan(wire::header_bytes));
        }
        return true;
    case wire::Kind::handshake:
    case wire::Kind::control:
    case wire::Kind::result:
    case wire::Kind::listen:
    case wire::Kind::stream_open:
    case wire::Kind::stream_data:
    case wire::Kind::stream_close:
    case wire::Kind::timer:
    case wire::Kind::log:
    case wire::Kind::hello:
    case wire::Kind::state:
    case wire::Kind::time:
        if (!seen) {
            outside_.service_frame(module.target.id, header, frame.subspan(wire::header_bytes));
        }
        return true;
    case wire::Kind::call:
    case wire::Kind::ping:
        break;
    }
    fail(module,
         fmt::format("sent a frame of kind {} that modules do not send",
                     static_cast<unsigned>(header.kind)));
    return true;
}

bool Router::take_outgoing(Module& module,
                           const wire::FrameHeader& header,
                           ByteView frame,
                           Outgoing outgoing) {
    const bool back = header.kind == wire::Kind::reply;
    Connection* connection = find_cached(module, header.channel);
    if (connection == nullptr) {
        ++dropped_garbage_;
        return true;
    }
    Lane& lane = connection->lane(back ? wire::Direction::back : wire::Direction::forward);
    if (back != (header.direction() == wire::Direction::back) ||
        header.deployment != module.name.deployment || lane.source != module.target.id) {
        fail(module,
             fmt::format("sent a frame of connection {}, which is not its", header.channel));
        return true;
    }
    if (lane.outbox == nullptr) {
        ++dropped_garbage_;
        return true;
    }
    if (outgoing == Outgoing::seen && lane.behind != module.stall) {
        return true;
    }
    // Behind one that did not fit, none of the same lane may pass.
    if (lane.blocked != no_id && outgoing != Outgoing::kept) {
        return false;
    }
    if (lane.outbox->is_durable()) {
        module.to_sync.emplace(header.channel, header.direction());
    }
    switch (lane.outbox->append(header, frame, outgoing == Outgoing::kept)) {
    case Outbox::Append::full:
        lane.blocked = module.target.id;
        lane.blocked_at = now_;
        lane.behind = module.stall;
        arm(lane, spills_at(lane));
        return false;
    case Outbox::Append::duplicate:
        return true;
    case Outbox::Append::stored:
        break;
    }
    count_taken(lane, header.counter, frame.size());
    lane.stays = false;
    if (connection->route.direct && back) {
        outside_.direct_changed(connection->route.deployment, connection->route.channel);
    } else if (!lane.queued) {
        enqueue(lane);
    }
    return true;
}

/// Of a handshake or an order: its channel is the index of an owner key, or nothing.
bool Router::refuses_its_owner(ByteView body) {
    return body.size() == refusal_body_bytes &&
           (body[0] == static_cast<std::uint8_t>(wire::Kind::handshake) ||
            body[0] == static_cast<std::uint8_t>(wire::Kind::control));
}

/// An ack or refusal: for the manager of the module that sent the frame.
void Router::take_module_answer(Module& module, const wire::FrameHeader& header, ByteView body) {
    if (header.kind == wire::Kind::refusal && refuses_its_owner(body)) {
        outside_.service_frame(module.target.id, header, body);
        return;
    }
    Connection* connection = find_cached(module, header.channel);
    if (connection == nullptr) {
        return; // a refusal of a call, or the route is gone
    }
    Lane& lane = connection->lane(header.direction());
    if (lane.destination != module.target.id) {
        if (header.kind == wire::Kind::ack) {
            fail(module,
                 fmt::format("acknowledged connection {}, which is not its", header.channel));
        }
        return;
    }
    std::array<std::uint8_t, wire::ack_body_bytes> copied{};
    const bool is_ack = header.kind == wire::Kind::ack;
    const std::size_t body_bytes = is_ack ? wire::ack_body_bytes : refusal_body_bytes;
    if (body.size() != body_bytes) {
        fail(module, "sent an acknowledgement or refusal of a wrong size");
        return;
    }
    copy(body, copied);
    const ByteView causes = ByteView(copied).first(body_bytes);
    if (lane.outbox == nullptr) {
        answer_peer(lane, header, causes);
        if (is_ack) {
            return;
        }
    }
    take_answer(lane, header, causes);
}

/// @pre the body's size is that of its kind.
void Router::take_answer(Lane& lane, const wire::FrameHeader& header, ByteView body) {
    Reader reader(body);
    if (header.kind == wire::Kind::refusal) {
        const std::uint8_t kind = reader.u8();
        on_refusal(lane, header.counter, kind, static_cast<Error>(reader.u8()));
    } else if (reader.u32() == lane.connection->route.epoch) {
        on_ack(lane, header.counter, header.negative());
    }
}

void Router::answer_peer(const Lane& lane, const wire::FrameHeader& header, ByteView body) {
    if (lane.came_from == no_id) {
        return; // the sender asks when its link is up again
    }
    std::array<std::uint8_t, wire::header_bytes + wire::ack_body_bytes> bytes{};
    wire::FrameHeader answer = header;
    answer.deployment = lane.connection->route.deployment;
    wire::write_header(answer, bytes);
    copy(body, Bytes(bytes).subspan(wire::header_bytes));
    const ByteView frame = ByteView(bytes).first(wire::header_bytes + body.size());
    if (header.kind == wire::Kind::ack) {
        outside_.answer_peer(lane.came_from, frame);
    } else {
        outside_.to_peer(lane.came_from, frame);
    }
}

void Router::fail(Module& module, std::string reason) {
    module.alive = false;
    outside_.misbehaved(module.target.id, std::move(reason));
}

bool Router::from_peer(PeerId id, ByteView frames) {
    while (!frames.empty()) {
        wire::FrameView view;
        if (wire::parse_frame(frames, view) != Error::none) {
            ++dropped_garbage_;
            return false;
        }
        const ByteView frame = frames.first(view.frame_bytes());
        if (!take_peer_frame(id, view, frame)) {
            ++dropped_garbage_;
            return false;
        }
        frames = frames.subspan(frame.size());
    }
    return true;
}

bool Router::take_peer_frame(PeerId id, const wire::FrameView& view, ByteView frame) {
    const wire::FrameHeader& header = view.header;
    const bool carries = header.kind == wire::Kind::event || header.kind == wire::Kind::request ||
                         header.kind == wire::Kind::reply;
    const bool question = header.kind == wire::Kind::ack && view.body.empty();
    const bool ack = header.kind == wire::Kind::ack && view.body.size() == wire::ack_body_bytes;
    const bool refusal =
        header.kind == wire::Kind::refusal && view.body.size() == refusal_body_bytes;
    const bool back = header.direction() == wire::Direction::back;
    if ((!carries && !question && !ack && !refusal) ||
        (carries && (header.kind == wire::Kind::reply) != back)) {
        return false;
    }
    const std::uint32_t key = key_of(header.deployment, header.channel);
    if (peer_cached_ == nullptr || peer_cached_key_ != key) {
        peer_cached_ = find(header.deployment, header.channel);
        peer_cached_key_ = key;
    }
    if (peer_cached_ == nullptr) {
        ++dropped_garbage_;
        if (carries || question) {
            remember_stranger(key, header.direction(), id);
        }
        return true;
    }
    Lane& lane = peer_cached_->lane(header.direction());
    if (carries || question) {
        if (lane.outbox == nullptr) {
            take_inbound(lane, id, frame);
        }
        return true;
    }
    // Only the link that the frames go out on may say that they have arrived.
    const bool ours = lane.outbox != nullptr && lane.sink != nullptr && !lane.sink->is_module &&
                      lane.sink->id == id;
    if (ours) {
        take_answer(lane, header, view.body);
    }
    return true;
}

/// Its manager is asked as soon as there is a route: it may have come up before this one.
void Router::remember_stranger(std::uint32_t key, wire::Direction direction, PeerId id) {
    if (strangers_.size() < strangers_max || strangers_.contains({key, direction})) {
        strangers_[{key, direction}] = id;
    }
}

void Router::take_inbound(Lane& lane, PeerId id, ByteView frame) {
    lane.came_from = id;
    if (lane.sink == nullptr || !lane.sink->up) {
        return; // kept where it came from; asked for when the module is there
    }
    ++lane.forwarded;
    lane.forwarded_bytes += frame.size();
    Target& sink = *lane.sink;
    if (lane.pending.empty() && outside_.module_room(sink.id) >= frame.size()) {
        outside_.to_module(sink.id, frame);
        return;
    }
    if (lane.pending.size() - lane.pending_begin + frame.size() >
        window_bytes + wire::max_frame_bytes) {
        return; // more than a window: it is sent again
    }
    if (lane.pending_begin >= window_bytes) {
        lane.pending.erase(lane.pending.begin(),
                           lane.pending.begin() + static_cast<std::ptrdiff_t>(lane.pending_begin));
        lane.pending_begin = 0;
    }
    lane.pending.insert(lane.pending.end(), frame.begin(), frame.end());
    if (!lane.queued) {
        enqueue(lane);
    }
}

} // namespace authex::em
