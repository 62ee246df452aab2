#include "runtime/runtime.hpp"

#include "base/counter.hpp"
#include "runtime/host_memory.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {

Runtime* active_runtime = nullptr;

void Runtime::start([[maybe_unused]] std::span<const authex_endpoint> endpoints,
                    [[maybe_unused]] ByteView owner_keys,
                    ByteView entropy) {
#if !AUTHEX_WITH_LINKED_ENDPOINTS
    endpoints_ = endpoints;
#endif
#if AUTHEX_WITH_NOISE
    owner_keys_ = owner_keys;
#endif
    control_.start(entropy);
}

Progress Runtime::invoke(ByteView in, Bytes out) {
    active_runtime = this;
    Progress progress;
    emitter_.open(out);
#if AUTHEX_WITH_INTERRUPTS
    if (interrupt_ != 0 && emitter_.free() >= output_min_bytes) {
        take_interrupts();
    }
#endif
    while (emitter_.free() >= room_for_a_frame()) {
        const std::size_t taken = take_first(in.subspan(progress.consumed));
        if (taken == 0) {
            break;
        }
        progress.consumed += taken;
    }
    emitter_.allow(acks_bytes);
    emit_owed_acks();
#if AUTHEX_WITH_KEEPING
    seal_if_due();
#endif
    progress.produced = out.size() - emitter_.free();
    emitter_.close();
    active_runtime = nullptr;
    return progress;
}

/// @return its bytes; 0: it is not all there.
std::size_t Runtime::take_first(ByteView left) {
    if (left.size() < wire::header_bytes) {
        return 0;
    }
    const Bytes frame = this->frame();
    copy_in(left.first(wire::header_bytes), frame);
    const Error error = wire::parse_header(frame.first(wire::header_bytes), header_);
    emitter_.allow(send_allowance_bytes);
    if (error == Error::unknown_version || !header_.length_within(wire::max_length)) {
        // Where the next frame begins is unknown: nothing of the rest can be trusted to be a frame.
        refuse(error);
        return left.size();
    }
    const std::size_t frame_bytes = header_.frame_bytes();
    if (frame_bytes > left.size()) {
        return 0;
    }
#if AUTHEX_WITH_DEADLINES
    taken_ += header_.kind != wire::Kind::time && header_.kind != wire::Kind::state ? 1 : 0;
#endif
    if (error != Error::none) {
        refuse(error);
        return frame_bytes;
    }
    copy_in(left.first(frame_bytes).subspan(wire::header_bytes), frame.subspan(wire::header_bytes));
    take(frame.first(frame_bytes));
#if AUTHEX_WITH_TIMERS
    if (timers_to_tell_) {
        emitter_.allow(timers_bytes);
        emit_timers();
    }
#endif
    return frame_bytes;
}

void Runtime::take(Bytes frame) {
    message_ = {};
    assign(message_.id, header_.counter);
    message_.result = result_;
    message_.result_room = sizeof result_;
#if AUTHEX_WITH_KEEPING
    if (header_.kind == wire::Kind::state) {
        seals_when_told_ = true;
        told_to_seal_ = true;
        return;
    }
#endif
#if AUTHEX_WITH_HANDOVER
    if (holds_back()) {
        return;
    }
#endif
#if AUTHEX_WITH_KEEPING
    to_keep_ =
        to_keep_ || !(header_.kind == wire::Kind::hello || header_.kind == wire::Kind::handshake ||
                      header_.kind == wire::Kind::ack || header_.kind == wire::Kind::time);
#endif
    if (header_.kind == wire::Kind::control) {
        take_control(frame);
    } else if (wire::is_sealed(header_.kind)) {
        if constexpr (with_sealed) {
            take_sealed(frame);
        } else {
            refuse(nothing_there());
        }
    } else {
        set_body(frame.subspan(wire::header_bytes));
        take_plain();
    }
}

void Runtime::set_body(ByteView body) {
    message_.data = body.data();
    message_.size = body.size();
}

/// @return null: none, or disabled
const authex_endpoint* Runtime::endpoint(std::uint16_t id) const {
    return id < endpoints_.size() && id < max_endpoints && !disabled_ ? &endpoints_[id] : nullptr;
}

const authex_endpoint* Runtime::endpoint(std::uint16_t id, std::uintptr_t kind) const {
    const authex_endpoint* found = endpoint(id);
    return found != nullptr && found->kind == kind ? found : nullptr;
}

std::uint16_t Runtime::id_of(const authex_endpoint* endpoint) const {
    return static_cast<std::uint16_t>(endpoint - endpoints_.data());
}

/// Why no connection or endpoint was found.
Error Runtime::nothing_there() const {
    return disabled_ ? Error::disabled : Error::unknown_channel;
}

void Runtime::refuse(Error error) {
    const std::uint8_t body[2] = {static_cast<std::uint8_t>(header_.kind),
                                  static_cast<std::uint8_t>(error)};
    header_.kind = wire::Kind::refusal;
    header_.flags &= wire::flag_direction;
    (void)emitter_.plain(header_, body);
}

/// A manager that says hello may be one that has just started: it does not know what the module
/// has asked of an earlier one.
void Runtime::tell_manager() {
#if AUTHEX_WITH_TIMERS
    for (TimerState& timer : timers_) {
        timer.to_tell = timer.arming != 0;
        timers_to_tell_ = timers_to_tell_ || timer.to_tell;
    }
#endif
#if AUTHEX_WITH_STREAMS
    for (std::size_t id = 0; id < max_endpoints; ++id) {
        if (listening_[id].on) {
            wire::FrameHeader header{.kind = wire::Kind::listen,
                                     .channel = static_cast<std::uint16_t>(id)};
            (void)emitter_.plain(header, listening_[id].body());
        }
    }
#endif
#if AUTHEX_WITH_DEADLINES
    ask_for_time();
#endif
}

#if AUTHEX_WITH_TIMERS
void Runtime::emit_timers() {
    timers_to_tell_ = false;
    for (std::size_t id = 0; id < max_endpoints; ++id) {
        TimerState& timer = timers_[id];
        if (timer.to_tell) {
            timer.to_tell = false;
            wire::FrameHeader header{.kind = wire::Kind::timer,
                                     .channel = static_cast<std::uint16_t>(id),
                                     .counter = timer.arming};
            (void)emitter_.plain(header, bytes_of(timer.delay_us));
        }
    }
}
#endif

void Runtime::emit_owed_acks() {
    for (Connection& connection : connections_.slots()) {
        if (!connection.owes_ack) {
            continue;
        }
        header_.kind = wire::Kind::ack;
        header_.channel = connection.terms.channel;
        header_.flags = 0;
        if (connection.is_source()) {
            header_.flags = wire::flag_direction;
        }
        if (connection.came_early) {
            header_.flags |= wire::flag_negative;
        }
        assign(header_.counter, connection.next_in);
        (void)emitter_.plain(header_, bytes_of(connection.terms.epoch));
        connection.owes_ack = false;
        connection.came_early = false;
    }
}

void Runtime::answer_ack_question() {
    Connection* connection = connections_.find(header_.channel);
    const bool back = header_.direction() == wire::Direction::back;
    if (connection == nullptr || back != connection->is_source()) {
        refuse(connection == nullptr ? Error::unknown_channel : Error::wrong_role);
        return;
    }
    connection->owes_ack = true;
}

} // namespace authex::runtime
