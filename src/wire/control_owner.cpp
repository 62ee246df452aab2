#include "wire/control_owner.hpp"

namespace authex::wire {
namespace {

void write_connection(const SetConnection& connection, Writer& writer) {
    writer.u16(connection.channel)
        .u16(connection.endpoint)
        .u8(static_cast<std::uint8_t>(connection.role))
        .u8(static_cast<std::uint8_t>(connection.algorithm))
        .u8(static_cast<std::uint8_t>(connection.delivery))
        .u32(connection.epoch)
        .bytes(connection.key);
}

void write_deadline(const SetConnection& connection, Writer& writer) {
#if AUTHEX_WITH_DEADLINES
    if (connection.deadline != deadline_none) {
        writer.u8(connection.deadline).u32(connection.within_us);
    }
#else
    (void)connection;
    (void)writer;
#endif
}

#if AUTHEX_WITH_HANDOVER
Error write_import(const ControlMessage& message, Writer& writer) {
    writer.u32(message.version)
        .u16(static_cast<std::uint16_t>(message.sealed.size()))
        .bytes(message.sealed)
        .bytes(message.pieces);
    return message.sealed.size() <= state_overhead_bytes + state_chunk_max_bytes &&
                   message.pieces.size() <= state_pieces_max_bytes
               ? Error::none
               : Error::too_large;
}
#endif

Error write_value(const ControlMessage& message, Writer& writer) {
#if AUTHEX_WITH_VALUES
    const Error error = check_value(message.named);
    if (error != Error::none) {
        return error;
    }
    writer.u8(static_cast<std::uint8_t>(message.named.kind))
        .u8(static_cast<std::uint8_t>(message.named.name.size()))
        .bytes(message.named.name)
        .bytes(message.type == ControlType::set_value ? message.named.value : ByteView());
    return Error::none;
#else
    (void)message;
    (void)writer;
    return Error::unknown_kind;
#endif
}

Error write_fields(const ControlMessage& message, Writer& writer) {
    switch (message.type) {
    case ControlType::seed:
        if (message.entropy.size() != seed_bytes) {
            return Error::malformed;
        }
        writer.bytes(message.entropy);
        break;
    case ControlType::set_connection:
        write_connection(message.connection, writer);
        write_deadline(message.connection, writer);
        break;
    case ControlType::remove_connection:
        writer.u16(message.connection.channel);
        break;
    case ControlType::disable:
    case ControlType::audit:
    case ControlType::pause:
    case ControlType::resume:
    case ControlType::accept_state:
        break;
    case ControlType::set_value:
    case ControlType::remove_value:
        return write_value(message, writer);
#if AUTHEX_WITH_HANDOVER
    case ControlType::export_state:
        writer.bytes(message.recipient).u32(message.offset);
        break;
    case ControlType::import_state:
        return write_import(message, writer);
    case ControlType::continue_connection:
        write_connection(message.connection, writer);
        for (const std::uint64_t counter : message.counters) {
            writer.u64(counter);
        }
        writer.u32(message.turn);
        write_deadline(message.connection, writer);
        break;
    case ControlType::arm:
        writer.u16(message.waiting.endpoint).u64(message.waiting.value);
        break;
    case ControlType::keep_state:
        writer.bytes(message.connection.key);
        break;
    case ControlType::restore_state:
        writer.bytes(message.connection.key).bytes(message.sealed);
        break;
#endif
#if AUTHEX_WITH_TURNS
    case ControlType::turn_key:
        writer.u16(message.connection.channel)
            .bytes(message.connection.key)
            .u32(message.turn)
            .u8(message.seals ? 1 : 0)
            .u64(message.until);
        break;
#endif
    default:
        return Error::unknown_kind;
    }
    return Error::none;
}

} // namespace

Result<std::size_t> write_control(const ControlMessage& message, Bytes out) {
    Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(message.type));
    const Error error = write_fields(message, writer);
    if (error != Error::none) {
        return error;
    }
    if (!writer.ok()) {
        return Error::no_space;
    }
    return writer.size();
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
    const bool known =
        answer.type >= ControlType::seed && answer.type <= ControlType::restore_state;
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

} // namespace authex::wire
