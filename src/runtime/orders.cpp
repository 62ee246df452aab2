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
    error = carry_out(taken.message, data);
    wipe(taken.message.connection.key);
    const ByteView answer = error == Error::none ? ByteView(data.written()) : ByteView();
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
        connections_.remove(message.connection.channel);
        return Error::none;
    case wire::ControlType::disable:
        connections_.clear();
        disabled_ = true;
        return Error::none;
    case wire::ControlType::audit:
        audit(data);
        return Error::none;
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
    if (!asynchronous && !answered) {
        return Error::wrong_role;
    }
    const Error error = connections_.set(terms);
    if (error == Error::none) {
        const Connection* connection = connections_.find(terms.channel);
        data.u64(source ? connection->next_out : connection->next_in);
    }
    return error;
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
