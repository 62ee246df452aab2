#include "runtime/runtime.hpp"

#include "wire/seal.hpp"

namespace authex::runtime {

Runtime* active_runtime = nullptr;

void Runtime::start(std::span<const authex_endpoint> endpoints,
                    ByteView owner_key,
                    ByteView entropy) {
    endpoints_ = endpoints;
    owner_key_ = owner_key;
#if AUTHEX_WITH_NOISE
    control_.start(entropy);
#else
    (void)entropy;
#endif
}

Progress Runtime::invoke(ByteView in, Bytes out) {
    active_runtime = this;
    Progress progress;
    emitter_.open(out);
    while (emitter_.free() >= output_min_bytes) {
        const std::size_t taken = take_first(in.subspan(progress.consumed));
        if (taken == 0) {
            break;
        }
        progress.consumed += taken;
    }
    emitter_.allow(acks_bytes);
    emit_owed_acks();
    progress.produced = emitter_.produced();
    emitter_.close();
    active_runtime = nullptr;
    return progress;
}

/// @return its bytes; 0: it is not all there.
std::size_t Runtime::take_first(ByteView left) {
    if (left.size() < wire::header_bytes) {
        return 0;
    }
    const Bytes frame(frame_);
    copy(left.first(wire::header_bytes), frame);
    wire::FrameHeader header;
    const Error error = wire::parse_header(frame.first(wire::header_bytes), header);
    emitter_.allow(send_allowance_bytes);
    if (error == Error::unknown_version || header.length > wire::max_length) {
        // Where the next frame begins is unknown: nothing of the rest can be trusted to be a frame.
        refuse(header, error);
        return left.size();
    }
    const std::size_t frame_bytes = header.frame_bytes();
    if (frame_bytes > left.size()) {
        return 0;
    }
    if (error != Error::none) {
        refuse(header, error);
        return frame_bytes;
    }
    copy(left.subspan(wire::header_bytes, header.length), frame.subspan(wire::header_bytes));
    take(header, frame.first(frame_bytes));
    if (timers_to_tell_) {
        emitter_.allow(timers_bytes);
        emit_timers();
    }
    return frame_bytes;
}

void Runtime::take(const wire::FrameHeader& header, Bytes frame) {
    switch (header.kind) {
    case wire::Kind::control:
        take_control(header, frame);
        break;
    case wire::Kind::event:
    case wire::Kind::request:
    case wire::Kind::reply:
        take_sealed(header, frame);
        break;
    case wire::Kind::handshake:
    case wire::Kind::ack:
    case wire::Kind::call:
    case wire::Kind::result:
    case wire::Kind::listen:
    case wire::Kind::stream_open:
    case wire::Kind::stream_data:
    case wire::Kind::stream_close:
    case wire::Kind::timer:
    case wire::Kind::log:
    case wire::Kind::refusal:
    case wire::Kind::hello:
    case wire::Kind::ping:
        take_plain(header, frame.subspan(wire::header_bytes));
        break;
    }
}

const authex_endpoint* Runtime::endpoint(std::uint16_t id, std::uintptr_t kind) const {
    if (id >= endpoints_.size() || id >= max_endpoints || endpoints_[id].kind != kind) {
        return nullptr;
    }
    return &endpoints_[id];
}

std::uint16_t Runtime::id_of(const authex_endpoint* endpoint) const {
    return static_cast<std::uint16_t>(endpoint - endpoints_.data());
}

void Runtime::refuse(const wire::FrameHeader& header, Error error) {
    const std::uint8_t body[2] = {static_cast<std::uint8_t>(header.kind),
                                  static_cast<std::uint8_t>(error)};
    wire::FrameHeader refusal{.kind = wire::Kind::refusal,
                              .channel = header.channel,
                              .flags =
                                  static_cast<std::uint16_t>(header.flags & wire::flag_direction),
                              .counter = header.counter};
    (void)emitter_.plain(refusal, body);
}

/// A manager that says hello may be one that has just started: it does not know what the module
/// has asked of an earlier one.
void Runtime::tell_manager() {
    for (std::size_t id = 0; id < max_endpoints; ++id) {
        timers_[id].to_tell = timers_[id].arming != 0;
        timers_to_tell_ = timers_to_tell_ || timers_[id].to_tell;
        if (listening_[id] != 0) {
            std::uint8_t port[2];
            Writer(port).u16(static_cast<std::uint16_t>(listening_[id] - 1));
            (void)emitter_.plain(
                {.kind = wire::Kind::listen, .channel = static_cast<std::uint16_t>(id)}, port);
        }
    }
}

void Runtime::emit_timers() {
    timers_to_tell_ = false;
    for (std::size_t id = 0; id < max_endpoints; ++id) {
        TimerState& timer = timers_[id];
        if (timer.to_tell) {
            timer.to_tell = false;
            std::uint8_t delay[8];
            Writer(delay).u64(timer.delay_us);
            (void)emitter_.plain({.kind = wire::Kind::timer,
                                  .channel = static_cast<std::uint16_t>(id),
                                  .counter = timer.arming},
                                 delay);
        }
    }
}

void Runtime::emit_ack(const Connection& connection, bool early) {
    std::uint16_t flags = connection.terms.role == wire::Role::source ? wire::flag_direction : 0;
    if (early) {
        flags = static_cast<std::uint16_t>(flags | wire::flag_negative);
    }
    std::uint8_t epoch[wire::ack_body_bytes];
    Writer(epoch).u32(connection.terms.epoch);
    (void)emitter_.plain({.kind = wire::Kind::ack,
                          .channel = connection.terms.channel,
                          .flags = flags,
                          .counter = connection.next_in},
                         epoch);
}

void Runtime::emit_owed_acks() {
    for (Connection& connection : connections_.slots()) {
        if (connection.owes_ack) {
            emit_ack(connection, connection.came_early);
            connection.owes_ack = false;
            connection.came_early = false;
        }
    }
}

void Runtime::answer_ack_question(const wire::FrameHeader& header) {
    Connection* connection = connections_.find(header.channel);
    const bool back = header.direction() == wire::Direction::back;
    if (connection == nullptr || back != (connection->terms.role == wire::Role::source)) {
        refuse(header, connection == nullptr ? Error::unknown_channel : Error::wrong_role);
        return;
    }
    connection->owes_ack = true;
}

} // namespace authex::runtime
