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
    emitter_.open(out, acks_bytes);
    while (in.size() - progress.consumed >= wire::header_bytes &&
           emitter_.room() >= output_guarantee_bytes) {
        const ByteView left = in.subspan(progress.consumed);
        const Bytes frame(frame_);
        copy(left.first(wire::header_bytes), frame);
        wire::FrameHeader header;
        const Error error = wire::parse_header(frame.first(wire::header_bytes), header);
        if (error == Error::too_large || error == Error::unknown_version) {
            // Where the next frame begins is unknown: nothing of the batch can be trusted to be a
            // frame.
            refuse(header, error);
            progress.consumed = in.size();
            break;
        }
        if (error != Error::none) {
            header.length = Reader(frame.subspan(8, 4)).u32();
        }
        if (header.length > wire::max_length) {
            refuse(header, Error::too_large);
            progress.consumed = in.size();
            break;
        }
        if (header.frame_bytes() > left.size()) {
            break;
        }
        progress.consumed += header.frame_bytes();
        if (error != Error::none) {
            refuse(header, error);
            continue;
        }
        copy(left.subspan(wire::header_bytes, header.length), frame.subspan(wire::header_bytes));
        take(header, frame.first(header.frame_bytes()));
    }
    emitter_.release();
    emit_owed_acks();
    progress.produced = emitter_.produced();
    emitter_.close();
    active_runtime = nullptr;
    return progress;
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

void Runtime::emit_ack(const Connection& connection, bool early) {
    std::uint16_t flags = connection.terms.role == wire::Role::source ? wire::flag_direction : 0;
    if (early) {
        flags = static_cast<std::uint16_t>(flags | wire::flag_negative);
    }
    (void)emitter_.plain({.kind = wire::Kind::ack,
                          .channel = connection.terms.channel,
                          .flags = flags,
                          .counter = connection.next_in},
                         {});
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
