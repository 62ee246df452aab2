// From an accepted frame to the module's function, and back with its answer.
#include "runtime/runtime.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {
namespace {

/// The endpoint kind that must stand at this end for a sealed frame of this kind.
std::uintptr_t endpoint_kind_for(wire::Kind kind) {
    if (kind == wire::Kind::event) {
        return AUTHEX_KIND_INPUT;
    }
    return kind == wire::Kind::request ? AUTHEX_KIND_HANDLER : AUTHEX_KIND_REQUEST;
}

authex_message message_of(ByteView body, std::uint64_t id) {
    authex_message message{};
    message.data = body.data();
    message.size = body.size();
    message.id = id;
    return message;
}

} // namespace

void Runtime::take_sealed(const wire::FrameHeader& header, Bytes frame) {
    Connection* connection = connections_.find(header.channel);
    if (connection == nullptr || disabled_) {
        refuse(header, disabled_ ? Error::disabled : Error::unknown_channel);
        return;
    }
    Error error = check(*connection, header);
    Bytes body;
    if (error == Error::none) {
        error = wire::open_frame(connection->key, header, frame, body);
    }
    if (error != Error::none) {
        connection->refused += connection->refused == UINT32_MAX ? 0 : 1;
        refuse(header, error);
        return;
    }
    const authex_endpoint& target = endpoints_[connection->terms.endpoint];
    const std::uint64_t expected = connection->next_in;
    connection->next_in = header.counter + 1;
    ++connection->accepted;
    connection->came_early = false;
    authex_message message = message_of(body, header.counter);
    message.status = header.negative() ? AUTHEX_FAILED : AUTHEX_OK;
    if (header.kind == wire::Kind::request) {
        run_handler(*connection, header, message);
    } else {
        if (header.kind == wire::Kind::reply) {
            fail_requests({.endpoint = &target, .begin = expected, .end = header.counter});
        }
        target.function(&message);
    }
    wipe(body);
}

/// All that can be said of a sealed frame before its tag is looked at.
Error Runtime::check(Connection& connection, const wire::FrameHeader& header) const {
    const bool back = header.kind == wire::Kind::reply;
    const wire::Role role = back ? wire::Role::source : wire::Role::destination;
    if (role != connection.terms.role || back != (header.direction() == wire::Direction::back) ||
        endpoint(connection.terms.endpoint, endpoint_kind_for(header.kind)) == nullptr) {
        return Error::wrong_role;
    }
    if (back && header.counter >= connection.next_out) {
        return Error::malformed; // a reply to what was never asked
    }
    const Error error =
        check_counter(header.counter, connection.next_in, connection.terms.delivery);
    connection.owes_ack = true;
    connection.came_early = connection.came_early || error == Error::too_early;
    return error;
}

void Runtime::run_handler(Connection& connection,
                          const wire::FrameHeader& header,
                          authex_message& message) {
    message.result = result_;
    message.result_room = sizeof result_;
    endpoints_[connection.terms.endpoint].function(&message);
    emitter_.allow(wire::max_frame_bytes);
    std::uint16_t flags = wire::flag_direction;
    if (message.status != AUTHEX_OK || message.result_size > sizeof result_) {
        flags = static_cast<std::uint16_t>(flags | wire::flag_negative);
        message.result_size = 0;
    }
    wire::FrameHeader reply{.kind = wire::Kind::reply,
                            .deployment = emitter_.deployment(),
                            .channel = header.channel,
                            .flags = flags,
                            .counter = header.counter};
    const ByteView result(result_, message.result_size);
    const Result<std::size_t> sealed = wire::seal_frame(connection.key, reply, result, seal_);
    if (sealed.has_value()) {
        (void)emitter_.sealed(ByteView(seal_).first(*sealed));
    }
    wipe(Bytes(result_).first(message.result_size));
}

void Runtime::run_entry(const wire::FrameHeader& header, authex_message& message) {
    const authex_endpoint* entry = endpoint(header.channel, AUTHEX_KIND_ENTRY);
    wire::FrameHeader result{
        .kind = wire::Kind::result, .channel = header.channel, .counter = header.counter};
    if (entry == nullptr || disabled_) {
        const std::uint8_t error =
            static_cast<std::uint8_t>(disabled_ ? Error::disabled : Error::unknown_channel);
        result.flags = wire::flag_negative;
        (void)emitter_.plain(result, ByteView(&error, 1));
        return;
    }
    message.result = result_;
    message.result_room = sizeof result_;
    entry->function(&message);
    emitter_.allow(wire::max_frame_bytes);
    if (message.status != AUTHEX_OK || message.result_size > sizeof result_) {
        const auto error = static_cast<std::uint8_t>(Error::failed);
        result.flags = wire::flag_negative;
        (void)emitter_.plain(result, ByteView(&error, 1));
    } else {
        (void)emitter_.plain(result, ByteView(result_, message.result_size));
    }
}

void Runtime::take_stream(const wire::FrameHeader& header, ByteView body) {
    const authex_endpoint* stream = endpoint(header.channel, AUTHEX_KIND_STREAM);
    if (stream == nullptr || disabled_) {
        refuse(header, disabled_ ? Error::disabled : Error::unknown_channel);
        return;
    }
    authex_message message = message_of(body, header.counter);
    switch (header.kind) {
    case wire::Kind::stream_open:
        message.what = AUTHEX_STREAM_OPENED;
        break;
    case wire::Kind::stream_data:
        message.what = AUTHEX_STREAM_DATA;
        break;
    case wire::Kind::stream_close:
        message.what = AUTHEX_STREAM_CLOSED;
        break;
    default:
        message.what = header.negative() ? AUTHEX_STREAM_REFUSED : AUTHEX_STREAM_LISTENING;
        message.id = Reader(body).u16();
        break;
    }
    stream->function(&message);
}

void Runtime::take_timer(const wire::FrameHeader& header, ByteView body) {
    const authex_endpoint* timer = endpoint(header.channel, AUTHEX_KIND_TIMER);
    if (timer == nullptr || disabled_ || timers_[header.channel].arming == 0 ||
        timers_[header.channel].arming != header.counter) {
        return; // stopped or armed again meanwhile, or made up by the node
    }
    timers_[header.channel] = {};
    authex_message message = message_of(body, header.counter);
    message.time_us = Reader(body).u64();
    timer->function(&message);
}

void Runtime::take_plain(const wire::FrameHeader& header, ByteView body) {
    authex_message message = message_of(body, header.counter);
    switch (header.kind) {
    case wire::Kind::hello: {
        emitter_.set_deployment(header.deployment);
        const std::uint8_t version[2] = {wire::protocol_version, 0};
        (void)emitter_.plain({.kind = wire::Kind::hello, .flags = wire::flag_direction}, version);
        tell_manager();
        break;
    }
    case wire::Kind::handshake: {
#if AUTHEX_WITH_NOISE
        const Error error = control_.handshake(body, owner_key_, seal_, emitter_);
        if (error != Error::none) {
            refuse(header, error);
        }
#else
        refuse(header, Error::unsupported);
#endif
        break;
    }
    case wire::Kind::ack:
        answer_ack_question(header);
        break;
    case wire::Kind::call:
        run_entry(header, message);
        break;
    case wire::Kind::timer:
        take_timer(header, body);
        break;
    case wire::Kind::listen:
    case wire::Kind::stream_open:
    case wire::Kind::stream_data:
    case wire::Kind::stream_close:
        take_stream(header, body);
        break;
    default:
        refuse(header, Error::unknown_kind);
        break;
    }
}

} // namespace authex::runtime
