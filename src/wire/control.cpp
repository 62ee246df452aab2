#include "wire/control.hpp"

namespace authex::wire {
namespace {

Error parse_set_connection(Reader& reader, SetConnection& connection) {
    connection.channel = reader.u16();
    connection.endpoint = reader.u16();
    const std::uint8_t role = reader.u8();
    const std::uint8_t algorithm = reader.u8();
    const std::uint8_t delivery = reader.u8();
    connection.epoch = reader.u32();
    const ByteView key = reader.take(connection_key_bytes);
    if (!reader.ok()) {
        return Error::truncated;
    }
    const bool known_algorithm =
        algorithm == static_cast<std::uint8_t>(crypto::Algorithm::aes_128_gcm) ||
        algorithm == static_cast<std::uint8_t>(crypto::Algorithm::spongent_128);
    if (role > 1 || delivery > 1 || !known_algorithm || connection.epoch == 0) {
        return Error::malformed;
    }
    connection.role = static_cast<Role>(role);
    connection.algorithm = static_cast<crypto::Algorithm>(algorithm);
    connection.delivery = static_cast<Delivery>(delivery);
    copy(key, connection.key);
    return Error::none;
}

Error parse_fields(Reader& reader, ControlMessage& message) {
    switch (message.type) {
    case ControlType::seed:
        message.entropy = reader.take(seed_bytes);
        return Error::none;
    case ControlType::set_connection:
        return parse_set_connection(reader, message.connection);
    case ControlType::remove_connection:
        message.connection.channel = reader.u16();
        return Error::none;
    case ControlType::disable:
    case ControlType::audit:
        return Error::none;
    }
    return Error::unknown_kind;
}

} // namespace

Error parse_control(ByteView body, ControlMessage& message) {
    Reader reader(body);
    message.type = static_cast<ControlType>(reader.u8());
    const Error error = parse_fields(reader, message);
    if (error != Error::none) {
        return reader.ok() ? error : Error::truncated;
    }
    if (!reader.ok()) {
        return Error::truncated;
    }
    return reader.done() ? Error::none : Error::malformed;
}

Error parse_answer(ByteView body, ControlAnswer& answer) {
    Reader reader(body);
    const std::uint8_t type = reader.u8();
    answer.answers = reader.u64();
    answer.error = static_cast<Error>(reader.u8());
    answer.data = reader.rest();
    if (!reader.ok()) {
        return Error::truncated;
    }
    answer.type = static_cast<ControlType>(type & ~control_answer_bit);
    const bool known = answer.type >= ControlType::seed && answer.type <= ControlType::audit;
    return (type & control_answer_bit) != 0 && known ? Error::none : Error::unknown_kind;
}

Error parse_audit_entry(Reader& reader, AuditEntry& entry) {
    entry.channel = reader.u16();
    entry.endpoint = reader.u16();
    const std::uint8_t role = reader.u8();
    entry.role = static_cast<Role>(role);
    entry.epoch = reader.u32();
    entry.sent = reader.u64();
    entry.accepted = reader.u64();
    entry.refused = reader.u64();
    entry.expected = reader.u64();
    if (!reader.ok()) {
        return Error::truncated;
    }
    return role <= 1 ? Error::none : Error::malformed;
}

Result<std::size_t> write_control(const ControlMessage& message, Bytes out) {
    Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(message.type));
    const SetConnection& connection = message.connection;
    switch (message.type) {
    case ControlType::seed:
        if (message.entropy.size() != seed_bytes) {
            return Error::malformed;
        }
        writer.bytes(message.entropy);
        break;
    case ControlType::set_connection:
        writer.u16(connection.channel)
            .u16(connection.endpoint)
            .u8(static_cast<std::uint8_t>(connection.role))
            .u8(static_cast<std::uint8_t>(connection.algorithm))
            .u8(static_cast<std::uint8_t>(connection.delivery))
            .u32(connection.epoch)
            .bytes(connection.key);
        break;
    case ControlType::remove_connection:
        writer.u16(connection.channel);
        break;
    case ControlType::disable:
    case ControlType::audit:
        break;
    }
    if (!writer.ok()) {
        return Error::no_space;
    }
    return writer.size();
}

} // namespace authex::wire
