// From an accepted frame to the module's function, and back with its answer.
#include "base/counter.hpp"
#include "runtime/runtime.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {
namespace {

/// The endpoint kind that must stand at this end for a sealed frame of this kind.
std::uintptr_t endpoint_kind_for(wire::Kind kind) {
    if (with_inputs && kind == wire::Kind::event) {
        return AUTHEX_KIND_INPUT;
    }
    return kind == wire::Kind::request ? AUTHEX_KIND_HANDLER : AUTHEX_KIND_REQUEST;
}

} // namespace

void Runtime::take_sealed(Bytes frame) {
    Connection* connection = connections_.find(header_.channel);
    if (connection == nullptr) {
        refuse(nothing_there());
        return;
    }
    Error error = check(*connection);
    Bytes body;
#if AUTHEX_WITH_TURNS
    if (error == Error::none && !connection->may_open(header_)) {
        error = Error::old_epoch;
    }
#endif
    if (error == Error::none) {
        error = wire::open_frame(connection->key_of(header_), header_, frame, body);
    }
    if (error != Error::none) {
        advance(connection->refused);
        refuse(error);
        return;
    }
    const authex_endpoint& target = *connection->endpoint;
    [[maybe_unused]] const OpenRequests lost = {
        .endpoint = &target, .begin = connection->next_in, .end = header_.counter};
    assign_next(connection->next_in, header_.counter);
    advance(connection->accepted);
    connection->came_early = false;
#if AUTHEX_WITH_TURNS
    connection->opened(header_);
#endif
    ByteView data = body;
    bool in_time = true;
#if AUTHEX_WITH_DEADLINES
    if (connection->terms.deadline != wire::deadline_none && header_.kind != wire::Kind::reply) {
        in_time = comes_in_time(*connection, data);
    }
#endif
    set_body(data);
    if (with_handlers && header_.kind == wire::Kind::request) {
        if (in_time) {
            run(target);
        } else {
            header_.flags = wire::flag_negative;
        }
        header_.kind = wire::Kind::reply;
        header_.flags |= wire::flag_direction;
        crypto::AeadKey& key = connection->sealing_key(header_);
        (void)emitter_.sealed(key, header_, result(), seal_room());
        wipe(Bytes(result_).first(message_.result_size));
    } else {
        if (with_requests && header_.kind == wire::Kind::reply) {
            fail_requests(lost);
            message_.status = header_.negative() ? AUTHEX_FAILED : AUTHEX_OK;
        }
        if (in_time) {
            target.function(&message_);
        } else {
            refuse(Error::late);
        }
    }
    wipe(body);
}

/// All that can be said of a sealed frame before its tag is looked at.
Error Runtime::check(Connection& connection) const {
    const bool back = with_requests && header_.kind == wire::Kind::reply;
    if (back != (header_.direction() == wire::Direction::back) ||
        connection.endpoint->kind != endpoint_kind_for(header_.kind)) {
        return Error::wrong_role;
    }
    if (back && header_.counter >= connection.next_out) {
        return Error::malformed; // a reply to what was never asked
    }
    const Error error =
        check_counter(header_.counter, connection.next_in, connection.terms.delivery);
    connection.owes_ack = true;
    if (error == Error::too_early) {
        connection.came_early = true;
    }
    return error;
}

/// Calls a handler or an entry. Its answer is result(), with the flags of `header_`.
void Runtime::run(const authex_endpoint& target) {
    target.function(&message_);
    emitter_.allow(wire::max_frame_bytes);
    header_.flags = 0;
    if (message_.status != AUTHEX_OK || message_.result_size > sizeof result_) {
        header_.flags = wire::flag_negative;
        message_.result_size = 0;
    }
}

void Runtime::take_call() {
    const authex_endpoint* entry = endpoint(header_.channel, AUTHEX_KIND_ENTRY);
#if AUTHEX_WITH_REPORTS
    entry = entry != nullptr ? entry : endpoint(header_.channel, AUTHEX_KIND_EVIDENCE);
#endif
    Error error = nothing_there();
    header_.flags = wire::flag_negative;
    if (entry != nullptr) {
        error = Error::failed;
        run(*entry);
    }
    if (header_.negative()) {
        result_[0] = static_cast<std::uint8_t>(error);
        message_.result_size = 1;
    }
    header_.kind = wire::Kind::result;
    (void)emitter_.plain(header_, result());
}

void Runtime::take_stream() {
    const authex_endpoint* stream = endpoint(header_.channel, AUTHEX_KIND_STREAM);
    if (stream == nullptr) {
        refuse(nothing_there());
        return;
    }
    switch (header_.kind) {
    case wire::Kind::stream_open:
        message_.what = AUTHEX_STREAM_OPENED;
        break;
    case wire::Kind::stream_data:
        message_.what = AUTHEX_STREAM_DATA;
        break;
    case wire::Kind::stream_close:
        message_.what = AUTHEX_STREAM_CLOSED;
        break;
    default:
        message_.what = header_.negative() ? AUTHEX_STREAM_REFUSED : AUTHEX_STREAM_LISTENING;
        message_.id = Reader(body()).u16();
        break;
    }
    stream->function(&message_);
}

#if AUTHEX_WITH_TIMERS
void Runtime::take_timer() {
    const authex_endpoint* timer = endpoint(header_.channel, AUTHEX_KIND_TIMER);
    if (timer == nullptr || timers_[header_.channel].arming == 0 ||
        timers_[header_.channel].arming != header_.counter) {
        return; // stopped or armed again meanwhile, or made up by the node
    }
    timers_[header_.channel] = {};
    message_.time_us = Reader(body()).u64();
    timer->function(&message_);
}
#endif

#if AUTHEX_WITH_INTERRUPTS
/// A disabled module hears of none.
void Runtime::take_interrupts() {
    const std::uint8_t flags = interrupt_flags_;
    message_ = {};
    message_.what = interrupt_;
    set_body(bytes_of(flags));
    interrupt_ = 0;
    interrupt_flags_ = 0;
    emitter_.allow(send_allowance_bytes);
    for (std::uint16_t id = 0; id < endpoints_.size(); ++id) {
        if (const authex_endpoint* found = endpoint(id, AUTHEX_KIND_INTERRUPT)) {
            found->function(&message_);
        }
    }
}
#endif

void Runtime::take_handshake() {
#if AUTHEX_WITH_NOISE
    const Error error =
        control_.handshake(body(), owner_keys_, header_.channel, seal_room(), emitter_);
#else
    const Error error =
        control_.handshake(body(), header_, seal_room().subspan(wire::header_bytes), emitter_);
#endif
    if (error != Error::none) {
        refuse(error);
    }
}

void Runtime::take_plain() {
    switch (header_.kind) {
    case wire::Kind::hello: {
        emitter_.set_deployment(header_.deployment);
        header_.flags = wire::flag_direction;
        const std::uint16_t version = wire::protocol_version;
        (void)emitter_.plain(header_, bytes_of(version));
        tell_manager();
        break;
    }
    case wire::Kind::handshake:
        take_handshake();
        break;
    case wire::Kind::ack:
        answer_ack_question();
        break;
    case wire::Kind::call:
        if constexpr (with_entries) {
            take_call();
        } else {
            refuse(nothing_there());
        }
        break;
    case wire::Kind::timer:
#if AUTHEX_WITH_TIMERS
        take_timer();
#else
        refuse(Error::unsupported);
#endif
        break;
#if AUTHEX_WITH_DEADLINES
    case wire::Kind::time:
        take_time();
        break;
#endif
    case wire::Kind::listen:
    case wire::Kind::stream_open:
    case wire::Kind::stream_data:
    case wire::Kind::stream_close:
        if constexpr (with_streams) {
            take_stream();
        } else {
            refuse(Error::unsupported);
        }
        break;
    default:
        refuse(Error::unknown_kind);
        break;
    }
}

} // namespace authex::runtime
