// The owner's orders, carried out.
#include "runtime/runtime.hpp"

namespace authex::runtime {

void Runtime::take_control(const wire::FrameHeader& header, Bytes frame) {
    Control::Taken taken;
    Error error = header.direction() == wire::Direction::forward
                      ? control_.open(header, frame, taken)
                      : Error::wrong_role;
    if (error != Error::none) {
        refuse(header, error);
        return;
    }
    Writer data(result_);
    error = taken.parsed == Error::none ? carry_out(taken.message, data) : taken.parsed;
    wipe(taken.message.connection.key);
    const ByteView answer = error == Error::none ? ByteView(data.written()) : ByteView();
    emitter_.allow(wire::max_frame_bytes);
    if (control_.answer(taken, error, answer, seal_, emitter_) != Error::none) {
        refuse(header, Error::no_space);
    }
}

Error Runtime::carry_out(const wire::ControlMessage& message, Writer& data) {
    switch (message.type) {
    case wire::ControlType::seed:
        return Error::none;
    case wire::ControlType::set_connection:
        return set_connection(message.connection, data);
    case wire::ControlType::remove_connection:
        remove_connection(message.connection.channel);
        return Error::none;
    case wire::ControlType::disable:
        connections_.clear();
        disabled_ = true;
        return Error::none;
    case wire::ControlType::audit:
        audit(data);
        return data.ok() ? Error::none : Error::too_large;
    }
    return Error::unknown_kind;
}

Error Runtime::set_connection(const wire::SetConnection& terms, Writer& data) {
    if (disabled_) {
        return Error::disabled;
    }
    const bool source = terms.role == wire::Role::source;
    const bool asynchronous =
        endpoint(terms.endpoint, source ? AUTHEX_KIND_OUTPUT : AUTHEX_KIND_INPUT) != nullptr;
    const bool answered =
        endpoint(terms.endpoint, source ? AUTHEX_KIND_REQUEST : AUTHEX_KIND_HANDLER) != nullptr;
    const bool elsewhere = source && answered && asks_on_another(terms);
    if ((!asynchronous && !answered) || elsewhere) {
        return Error::wrong_role;
    }
    const Connection* before = connections_.find(terms.channel);
    const bool new_epoch = before != nullptr && before->terms.epoch < terms.epoch;
    const OpenRequests open = new_epoch ? open_requests(*before) : OpenRequests{};
    const Error error = connections_.set(terms);
    if (error != Error::none) {
        return error;
    }
    const Connection* connection = connections_.find(terms.channel);
    data.u64(source ? connection->next_out : connection->next_in);
    fail_requests(open);
    return Error::none;
}

void Runtime::remove_connection(std::uint16_t channel) {
    const Connection* connection = connections_.find(channel);
    if (connection != nullptr) {
        const OpenRequests open = open_requests(*connection);
        connections_.remove(channel);
        fail_requests(open);
    }
}

/// A request goes to one handler, so that it has one reply.
bool Runtime::asks_on_another(const wire::SetConnection& terms) {
    for (const Connection& other : connections_.slots()) {
        if (other.used && other.terms.role == wire::Role::source &&
            other.terms.endpoint == terms.endpoint && other.terms.channel != terms.channel) {
            return true;
        }
    }
    return false;
}

Runtime::OpenRequests Runtime::open_requests(const Connection& connection) const {
    const bool asks = connection.terms.role == wire::Role::source;
    return {.endpoint = asks ? endpoint(connection.terms.endpoint, AUTHEX_KIND_REQUEST) : nullptr,
            .begin = connection.next_in,
            .end = connection.next_out};
}

void Runtime::fail_requests(const OpenRequests& open) {
    if (open.endpoint == nullptr) {
        return;
    }
    for (std::uint64_t id = open.begin; id < open.end; ++id) {
        authex_message message{};
        message.id = id;
        message.status = AUTHEX_UNANSWERED;
        open.endpoint->function(&message);
    }
}

void Runtime::audit(Writer& data) {
    for (const Connection& connection : connections_.slots()) {
        if (!connection.used) {
            continue;
        }
        data.u16(connection.terms.channel)
            .u16(connection.terms.endpoint)
            .u8(static_cast<std::uint8_t>(connection.terms.role))
            .u32(connection.terms.epoch)
            .u64(connection.next_out)
            .u64(connection.accepted)
            .u64(connection.refused)
            .u64(connection.next_in);
    }
}

} // namespace authex::runtime
