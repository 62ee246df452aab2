// How frames leave: windows, acknowledgements, retransmission, and taking turns.
#include <algorithm>

#include <fmt/format.h>

#include "em/router.hpp"
#include "em/router_state.hpp"

namespace authex::em {

std::uint64_t Router::jitter(std::uint64_t span) {
    // xorshift64 (Marsaglia 2003): spreads retries, no secret depends on it.
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return span == 0 ? 0 : random_ % span;
}

void Router::mark_dirty(Target& target) {
    if (!target.dirty) {
        target.dirty = true;
        dirty_.push_back(&target);
    }
}

void Router::enqueue(Lane& lane) {
    if (lane.queued || lane.sink == nullptr || !lane.sink->up) {
        return;
    }
    lane.queued = true;
    lane.sink->ready.push_back(&lane);
    mark_dirty(*lane.sink);
}

std::size_t Router::room_of(const Target& target) {
    return target.is_module ? outside_.module_room(target.id) : outside_.peer_room(target.id);
}

void Router::write(const Target& target, ByteView frames) {
    if (target.is_module) {
        outside_.to_module(target.id, frames);
    } else {
        outside_.to_peer(target.id, frames);
    }
}

void Router::flush() {
    while (!dirty_.empty()) {
        Target* target = dirty_.back();
        dirty_.pop_back();
        target->dirty = false;
        pump(*target);
    }
}

void Router::pump(Target& target) {
    target.wants_room = false;
    while (!target.ready.empty()) {
        Lane* lane = target.ready.front();
        if (!target.up) {
            target.ready.pop_front();
            lane->queued = false;
            continue;
        }
        const Sent sent =
            lane->outbox != nullptr ? send_some(*lane, target) : send_pending(*lane, target);
        if (sent == Sent::no_room) {
            target.wants_room = true;
            return;
        }
        target.ready.pop_front();
        lane->queued = sent == Sent::more;
        if (lane->queued) {
            target.ready.push_back(lane);
        }
    }
}

Router::Sent Router::send_some(Lane& lane, Target& target) {
    Outbox& outbox = *lane.outbox;
    if (lane.resuming || !outbox.has_unsent()) {
        return Sent::all;
    }
    const std::uint64_t in_flight = outbox.in_flight_bytes();
    if (in_flight >= window_bytes) {
        return Sent::all; // an acknowledgement opens the window
    }
    const std::size_t room = room_of(target);
    std::size_t most = std::min(turn_bytes, window_bytes - static_cast<std::size_t>(in_flight));
    ByteView run = outbox.unsent(std::min(most, room));
    if (run.empty()) {
        // Perhaps one frame larger than a turn.
        run = outbox.unsent(std::min<std::size_t>(room, wire::max_frame_bytes));
        if (run.empty()) {
            return Sent::no_room;
        }
        wire::FrameHeader header;
        if (wire::parse_header(run, header) == Error::none) {
            run = run.first(header.frame_bytes());
        }
    }
    if (in_flight == 0) {
        lane.due = now_ + lane.rto_us;
    }
    write(target, run);
    outbox.mark_sent(run.size());
    arm(lane, lane.due);
    return outbox.has_unsent() ? Sent::more : Sent::all;
}

Router::Sent Router::send_pending(Lane& lane, Target& target) {
    std::size_t room = room_of(target);
    std::size_t turn = 0;
    while (lane.pending_begin < lane.pending.size() && turn < turn_bytes) {
        const ByteView rest = ByteView(lane.pending).subspan(lane.pending_begin);
        wire::FrameHeader header;
        (void)wire::parse_header(rest, header); // it was checked when it came
        if (header.frame_bytes() > room) {
            return Sent::no_room;
        }
        write(target, rest.first(header.frame_bytes()));
        room -= header.frame_bytes();
        turn += header.frame_bytes();
        lane.pending_begin += header.frame_bytes();
    }
    if (lane.pending_begin < lane.pending.size()) {
        return Sent::more;
    }
    lane.pending.clear();
    lane.pending_begin = 0;
    return Sent::all;
}

bool Router::wants_room(ModuleId id) const {
    const auto found = modules_.find(id);
    return found != modules_.end() && found->second->target.wants_room;
}

void Router::module_writable(ModuleId id) {
    const auto found = modules_.find(id);
    if (found != modules_.end() && found->second->target.wants_room) {
        mark_dirty(found->second->target);
    }
}

void Router::peer_writable(PeerId id) {
    const auto found = peers_.find(id);
    if (found != peers_.end() && found->second->wants_room) {
        mark_dirty(*found->second);
    }
}

/// Asks the receiving module which counter it expects. The question goes the way of the frames, so
/// the answer counts all that were sent before it.
void Router::ask(Lane& lane) {
    if (lane.sink == nullptr || !lane.sink->up) {
        return;
    }
    std::array<std::uint8_t, wire::header_bytes> question{};
    wire::write_header({.kind = wire::Kind::ack,
                        .deployment = lane.connection->route.deployment,
                        .channel = lane.connection->route.channel,
                        .flags = static_cast<std::uint16_t>(
                            lane.direction == wire::Direction::back ? wire::flag_direction : 0)},
                       question);
    if (lane.pending.empty() && room_of(*lane.sink) >= question.size()) {
        write(*lane.sink, question);
        lane.asked = true;
    }
}

/// The way to the receiver is new: nothing is sent before it said where it stands.
void Router::resume(Lane& lane) {
    if (lane.outbox == nullptr) {
        if (lane.came_from != no_id) {
            ask(lane); // its manager wants to hear it
        }
        return;
    }
    lane.resuming = !lane.outbox->empty();
    if (lane.resuming) {
        lane.rto_us = rto_min_us;
        ask(lane);
        lane.due = now_ + lane.rto_us + jitter(lane.rto_us / 4);
        arm(lane, lane.due);
    }
}

/// Makes sure that somebody looks after the lane then.
void Router::arm(Lane& lane, std::uint64_t due) {
    if (due < lane.timer_due) {
        lane.timer_due = due;
        timers_.push({due, lane.connection->key(), lane.direction});
    }
}

void Router::unblock(Lane& lane) {
    const auto module = modules_.find(std::exchange(lane.blocked, no_id));
    if (module != modules_.end()) {
        module->second->retry = true;
        outside_.unblocked(module->first);
    }
}

/// Events between two modules that run on this node, where none of them waits here.
void Router::let_stay(Lane& lane) {
    const Route& route = lane.connection->route;
    if (lane.stays || lane.never_stays || lane.direction != wire::Direction::forward ||
        route.request || route.direct || lane.outbox == nullptr || !lane.outbox->empty() ||
        lane.source == no_id || lane.destination == no_id || !modules_.at(lane.source)->target.up ||
        !modules_.at(lane.destination)->target.up) {
        return;
    }
    lane.stays = outside_.may_stay_on_node(lane.source, route.channel, lane.destination);
    lane.never_stays = !lane.stays;
}

void Router::carried(std::uint16_t deployment, const tee::Carried& events) {
    if (Connection* connection = find(deployment, events.channel)) {
        Lane& lane = connection->lane(wire::Direction::forward);
        lane.forwarded += events.events;
        lane.forwarded_bytes += events.bytes;
        lane.acknowledged = std::max(lane.acknowledged, events.next);
    }
}

/// Of a frame that was put into the outbox.
void Router::count_taken(Lane& lane, std::uint64_t counter, std::size_t frame_bytes) {
    lane.used_at = now_;
    ++lane.forwarded;
    lane.forwarded_bytes += frame_bytes;
    if (lane.watched == never) {
        lane.watched = counter;
        lane.watched_at = now_;
    }
}

void Router::on_ack(Lane& lane, std::uint64_t counter, bool negative) {
    Outbox& outbox = *lane.outbox;
    const bool progress = outbox.acknowledge(counter) > 0;
    lane.acknowledged = std::max(lane.acknowledged, counter);
    if (lane.watched < counter) {
        delivery_.observe(now_ - lane.watched_at);
        lane.watched = never;
    }
    bool again = false;
    if (lane.resuming) {
        lane.resuming = false;
        again = true;
    } else if (negative) {
        // Every batch behind a lost frame says so; one of them is enough.
        again = lane.last_negative != counter;
        lane.last_negative = counter;
    } else {
        again = !progress && lane.asked;
    }
    if (progress || again) {
        lane.asked = false;
    }
    if (again) {
        lane.retransmitted += outbox.go_back(counter);
    }
    if (progress) {
        lane.rto_us = rto_min_us;
        lane.due = now_ + lane.rto_us;
        unblock(lane);
        let_stay(lane);
    }
    if (outbox.has_unsent()) {
        enqueue(lane);
    }
    if (lane.connection->route.direct && lane.direction == wire::Direction::forward) {
        lane.connection->direct.expected = std::max(lane.connection->direct.expected, counter);
        outside_.direct_changed(lane.connection->route.deployment, lane.connection->route.channel);
    }
}

void Router::on_refusal(Lane& lane, std::uint64_t counter, std::uint8_t kind, Error cause) {
    const auto refused = static_cast<wire::Kind>(kind);
    const bool of_connection = refused == wire::Kind::event || refused == wire::Kind::request ||
                               refused == wire::Kind::reply;
    if (cause == Error::replayed || !of_connection) {
        // A frame that was sent twice; a question before the connection was keyed; or something
        // that bears the number of an endpoint, not of a connection.
        return;
    }
    ++lane.refused;
    ++lane.refused_by[cause];
    lane.last_refusal = fmt::format("{} (frame {}, kind {})", error_text(cause), counter, kind);
    Connection& connection = *lane.connection;
    // What was late was taken.
    if (cause != Error::late && connection.route.direct &&
        lane.direction == wire::Direction::forward) {
        // The deployer decides: it may have the key of another epoch, or another counter.
        connection.direct.refused = cause;
        connection.direct.refused_counter = counter;
        lane.outbox->clear();
        lane.watched = never;
        outside_.direct_changed(connection.route.deployment, connection.route.channel);
    }
}

void Router::on_time() {
    while (!timers_.empty() && timers_.top().due <= now_) {
        const Timer timer = timers_.top();
        timers_.pop();
        const auto found = connections_.find(timer.key);
        if (found == connections_.end()) {
            continue;
        }
        Lane& lane = found->second->lane(timer.direction);
        if (lane.timer_due == timer.due) {
            lane.timer_due = never;
            look_after(lane);
        }
    }
    for (const ModuleId id : std::set<ModuleId>(held_up_)) {
        Module& module = *modules_.at(id);
        if (module.sync_again <= now_) {
            (void)sync_taken(module);
        }
    }
}

std::uint64_t Router::spills_at(const Lane& lane) const {
    return lane.blocked_at + (budget_.crowded() ? spill_after_crowded_us : spill_after_us);
}

void Router::look_after(Lane& lane) {
    if (lane.outbox == nullptr) {
        return;
    }
    if (lane.blocked != no_id) {
        if (now_ >= spills_at(lane)) {
            lane.outbox->spill();
            unblock(lane);
        } else {
            arm(lane, spills_at(lane));
        }
    }
    const bool waits = lane.sink != nullptr && lane.sink->up &&
                       (lane.resuming || lane.outbox->in_flight_bytes() > 0);
    if (!waits) {
        const std::uint64_t rested_at = lane.used_at + shrink_after_us;
        if (now_ >= rested_at) {
            lane.outbox->shrink();
        } else if (lane.outbox->is_large()) {
            arm(lane, rested_at);
        }
        return;
    }
    if (now_ >= lane.due) {
        lane.last_negative = never;
        ask(lane);
        lane.rto_us = std::min(lane.rto_us * 2, rto_max_us);
        lane.due = now_ + lane.rto_us + jitter(lane.rto_us / 4);
    }
    arm(lane, lane.due);
}

std::uint64_t Router::next_due() const {
    const std::uint64_t due = timers_.empty() ? never : timers_.top().due;
    return held_up_.empty() ? due : std::min(due, disk_due());
}

std::uint64_t Router::disk_due() const {
    std::uint64_t due = never;
    for (const ModuleId id : held_up_) {
        due = std::min(due, modules_.at(id)->sync_again);
    }
    return due;
}

Expected<std::uint64_t>
Router::deliver(std::uint16_t deployment, std::uint16_t channel, ByteView frames) {
    Connection* connection = find(deployment, channel);
    if (connection == nullptr || !connection->route.direct) {
        return failure(
            "unknown-connection",
            fmt::format("there is no direct connection {} in deployment {}", channel, deployment),
            "connect it first");
    }
    Lane& lane = connection->lane(wire::Direction::forward);
    connection->direct.refused = Error::none;
    std::uint64_t after = 0;
    bool first = true;
    while (!frames.empty()) {
        wire::FrameView view;
        const Error error = wire::parse_frame(frames, view);
        const bool carries =
            view.header.kind == wire::Kind::event || view.header.kind == wire::Kind::request;
        if (error != Error::none || !carries || view.header.deployment != deployment ||
            view.header.channel != channel || view.header.direction() != wire::Direction::forward) {
            return failure("malformed-frames",
                           fmt::format("the frames for connection {} are malformed", channel));
        }
        const ByteView frame = frames.first(view.frame_bytes());
        if (view.header.counter < connection->direct.expected) {
            after = view.header.counter + 1; // the module has taken it
            frames = frames.subspan(frame.size());
            continue;
        }
        if (first && view.header.counter < lane.outbox->next_counter()) {
            lane.outbox->restart(view.header.counter);
        }
        first = false;
        if (lane.outbox->append(view.header, frame) == Outbox::Append::full) {
            enqueue(lane); // what fits goes, so that there is room when they come again
            return failure("outbox-full",
                           fmt::format("too many frames wait on connection {}", channel),
                           "wait until the module has taken some");
        }
        count_taken(lane, view.header.counter, frame.size());
        after = view.header.counter + 1;
        frames = frames.subspan(frame.size());
    }
    enqueue(lane);
    return after;
}

void Router::drop_replies(std::uint16_t deployment, std::uint16_t channel, std::uint64_t before) {
    Connection* connection = find(deployment, channel);
    if (connection == nullptr || !connection->route.direct) {
        return;
    }
    Lane& lane = connection->lane(wire::Direction::back);
    if (lane.outbox != nullptr) {
        lane.outbox->acknowledge(before);
        unblock(lane);
    }
}

DirectState Router::direct_state(std::uint16_t deployment, std::uint16_t channel) const {
    const Connection* connection = find(deployment, channel);
    return connection == nullptr ? DirectState{} : connection->direct;
}

std::vector<std::uint8_t>
Router::replies(std::uint16_t deployment, std::uint16_t channel, std::uint64_t before) const {
    std::vector<std::uint8_t> all;
    Connection* connection = find(deployment, channel);
    if (connection != nullptr && connection->lane(wire::Direction::back).outbox != nullptr) {
        connection->lane(wire::Direction::back)
            .outbox->for_each([&](const wire::FrameHeader& header, ByteView frame) {
                if (header.counter < before) {
                    all.insert(all.end(), frame.begin(), frame.end());
                }
            });
    }
    return all;
}

bool Router::has_reply(std::uint16_t deployment,
                       std::uint16_t channel,
                       std::uint64_t counter) const {
    Connection* connection = find(deployment, channel);
    return connection != nullptr && connection->lane(wire::Direction::back).outbox != nullptr &&
           connection->lane(wire::Direction::back).outbox->next_counter() > counter;
}

void Router::fill(Snapshot& snapshot) const {
    for (const auto& [key, connection] : connections_) {
        ConnectionCounters counters{.deployment = connection->route.deployment,
                                    .channel = connection->route.channel,
                                    .epoch = connection->route.epoch};
        for (const Lane& lane : connection->lanes) {
            // Replies to the deployer were taken; they stay for the case that it asks again.
            const bool is_taken =
                connection->route.direct && &lane == &connection->lane(wire::Direction::back);
            if (lane.outbox == nullptr) {
                counters.waiting_bytes += lane.pending.size() - lane.pending_begin;
            } else if (!is_taken) {
                counters.waiting_frames += lane.outbox->waiting_frames();
                counters.waiting_bytes += lane.outbox->waiting_bytes();
            }
            counters.forwarded += lane.forwarded;
            counters.forwarded_bytes += lane.forwarded_bytes;
            for (const auto& [cause, count] : lane.refused_by) {
                counters.refused_by[cause] += count;
            }
            counters.retransmitted += lane.retransmitted;
            counters.refused += lane.refused;
            if (!lane.last_refusal.empty()) {
                counters.last_refusal = lane.last_refusal;
            }
        }
        counters.acknowledged = connection->lanes[0].acknowledged;
        snapshot.connections.push_back(std::move(counters));
    }
    snapshot.delivery = delivery_;
    snapshot.spill_bytes = budget_.used();
    snapshot.spill_limit_bytes = budget_.limit();
    snapshot.dropped_garbage += dropped_garbage_;
}

} // namespace authex::em
