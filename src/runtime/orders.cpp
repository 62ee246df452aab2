// The owner's orders, carried out.
#include "base/counter.hpp"
#include "runtime/runtime.hpp"

namespace authex::runtime {
namespace {

/// An endpoint that events and requests leave from or reach, at this end of a connection.
bool fits(const authex_endpoint& endpoint, wire::Role role) {
    static_assert(AUTHEX_KIND_OUTPUT == 1 && AUTHEX_KIND_INPUT == 2 && AUTHEX_KIND_REQUEST == 3 &&
                  AUTHEX_KIND_HANDLER == 4);
    const std::uintptr_t kind = endpoint.kind - AUTHEX_KIND_OUTPUT;
    // No endpoint is of a kind that this build leaves out.
    const bool connectable = with_requests ? kind < 4 : kind < 4 && kind != 2;
    return connectable && kind % 2 == static_cast<std::uintptr_t>(role);
}

/// Keeps the compiler from copying in place what a processor of 16 bits copies byte by byte.
ByteView by_call(ByteView bytes) {
    std::size_t size = bytes.size();
    asm("" : "+r"(size));
    return {bytes.data(), size};
}

} // namespace

void Runtime::take_control(Bytes frame) {
    Bytes body;
    Error error = header_.direction() == wire::Direction::forward
                      ? control_.open(header_, frame, seal_room(), body)
                      : Error::wrong_role;
    if (error != Error::none) {
        refuse(error);
        return;
    }
    if (control_.was_taken_over()) {
        forget_owner();
    }
    wire::ControlMessage order;
    error = wire::parse_control(body, order);
    // Where it is sealed.
    const Bytes answer = seal_room().subspan(wire::header_bytes, wire::max_body_bytes);
    Writer data(answer.subspan(wire::control_answer_bytes));
    if (error == Error::none) {
        error = carry_out(order, data);
    }
    wire::write_answer(order.type, header_.counter, error, answer);
    wipe(order.connection.key);
    std::size_t answer_bytes = wire::control_answer_bytes;
    if (error == Error::none) {
        answer_bytes += data.size();
    }
    emitter_.allow(wire::max_frame_bytes);
    control_.answer(header_, answer.first(answer_bytes), seal_room(), emitter_);
    wipe(frame);
}

#if AUTHEX_WITH_DELEGATE
/// A delegate says what a module needs that runs or comes back, and nothing by which another could
/// take its place.
bool Runtime::is_owners_alone(wire::ControlType order) const {
    switch (order) {
    case wire::ControlType::seed:
    case wire::ControlType::audit:
        return false;
    case wire::ControlType::set_connection:
    case wire::ControlType::remove_connection:
    case wire::ControlType::set_value:
    case wire::ControlType::remove_value:
    case wire::ControlType::turn_key:
        return pause_ == Pause::ordered; // for another instance
    case wire::ControlType::resume:
    case wire::ControlType::continue_connection:
    case wire::ControlType::arm:
    case wire::ControlType::keep_state:
    case wire::ControlType::restore_state:
        return !persists_ || pause_ == Pause::ordered;
    default:
        return true;
    }
}
#endif

Error Runtime::carry_out(const wire::ControlMessage& message, Writer& data) {
#if AUTHEX_WITH_DELEGATE
    if (control_.is_delegates() && is_owners_alone(message.type)) {
        return Error::owners_alone;
    }
#endif
    switch (message.type) {
    case wire::ControlType::seed:
        control_.seed(message.entropy);
        return Error::none;
    case wire::ControlType::set_connection:
        return set_connection(message.connection, data);
    case wire::ControlType::remove_connection:
        remove_connection(message.connection.channel);
        return Error::none;
    case wire::ControlType::disable:
        connections_.clear();
#if AUTHEX_WITH_VALUES
        values_.clear();
#endif
#if AUTHEX_WITH_HANDOVER
        accept_no_state();
#endif
#if AUTHEX_WITH_KEEPING
        keeping_.clear();
        wipe(keeping_key_);
#endif
        disabled_ = true;
        return Error::none;
    case wire::ControlType::audit:
        return audit(data);
    case wire::ControlType::set_value:
    case wire::ControlType::remove_value:
#if AUTHEX_WITH_VALUES
        return carry_out_value(message);
#else
        break;
#endif
    default:
#if AUTHEX_WITH_TURNS
        if (message.type == wire::ControlType::turn_key) {
            return turn_key(message, data);
        }
#endif
#if AUTHEX_WITH_HANDOVER
        return carry_out_handover(message, data);
#else
        break;
#endif
    }
    return Error::unknown_kind;
}

#if AUTHEX_WITH_VALUES
Error Runtime::carry_out_value(const wire::ControlMessage& message) {
    if (message.type == wire::ControlType::set_value) {
        return disabled_ ? Error::disabled : values_.set(message.named);
    }
    values_.remove(message.named.kind, message.named.name);
    return Error::none;
}
#endif

/// Whoever had the key before knows all that it ever said: nothing of it may go on.
void Runtime::forget_owner() {
    disabled_ = false;
#if AUTHEX_WITH_HANDOVER
    accept_no_state();
    pause_ = pause_ == Pause::begins ? pause_ : Pause::none;
#endif
#if AUTHEX_WITH_KEEPING
    keeping_.clear();
    wipe(keeping_key_);
#endif
#if AUTHEX_WITH_VALUES
    values_.clear();
#endif
    // All keys first: what the module says when it hears of its requests is not for that owner.
    for (Connection& connection : connections_.slots()) {
        for (crypto::AeadKey& key : connection.keys) {
            key.clear();
        }
    }
    for (const Connection& connection : connections_.slots()) {
        if (connection.used) {
            remove_connection(connection.terms.channel);
        }
    }
}

Error Runtime::set_connection(const wire::SetConnection& terms, Writer& data) {
    if (disabled_) {
        return Error::disabled;
    }
    const authex_endpoint* end = endpoint(terms.endpoint);
    if (end == nullptr || !fits(*end, terms.role) || asks_on_another(*end, terms.channel)) {
        return Error::wrong_role;
    }
    Connection* connection = connections_.find(terms.channel);
    const OpenRequests open =
        with_requests && connection != nullptr && connection->terms.epoch < terms.epoch
            ? open_requests(*connection)
            : OpenRequests{};
    const Error error = connections_.set(terms, connection);
    if (error != Error::none) {
        return error;
    }
    connection->endpoint = end;
#if AUTHEX_WITH_DEADLINES
    ask_for_time();
#endif
    // What the module says then is sealed where the answer is going to be written.
    fail_requests(open);
    data.bytes(
        by_call(bytes_of(connection->is_source() ? connection->next_out : connection->next_in)));
    return Error::none;
}

void Runtime::remove_connection(std::uint16_t channel) {
    Connection* connection = connections_.find(channel);
    if (connection != nullptr) {
        const OpenRequests open = open_requests(*connection);
        ConnectionTable::remove(*connection);
        fail_requests(open);
    }
}

/// A request goes to one handler, so that it has one reply.
bool Runtime::asks_on_another(const authex_endpoint& end, std::uint16_t channel) {
    if (!with_requests || end.kind != AUTHEX_KIND_REQUEST) {
        return false;
    }
    for (const Connection& other : connections_.slots()) {
        if (other.used && other.endpoint == &end && other.terms.channel != channel) {
            return true;
        }
    }
    return false;
}

Runtime::OpenRequests Runtime::open_requests(const Connection& connection) {
    const bool asks = with_requests && connection.endpoint->kind == AUTHEX_KIND_REQUEST;
    return {.endpoint = asks ? connection.endpoint : nullptr,
            .begin = connection.next_in,
            .end = connection.next_out};
}

void Runtime::fail_requests(const OpenRequests& open) {
    if (!with_requests || open.endpoint == nullptr) {
        return;
    }
    for (std::uint64_t id = open.begin; id < open.end; ++id) {
        authex_message message{};
        message.id = id;
        message.status = AUTHEX_UNANSWERED;
        open.endpoint->function(&message);
    }
}

Error Runtime::audit(Writer& data) {
    for (const Connection& connection : connections_.slots()) {
        if (!connection.used) {
            continue;
        }
        data.bytes(bytes_of(connection.terms).first(wire::audit_terms_bytes))
            .bytes(by_call(bytes_of(connection.terms.epoch)))
            .bytes(bytes_of<ConnectionCounters>(connection));
    }
    return data.ok() ? Error::none : Error::too_large;
}

} // namespace authex::runtime
