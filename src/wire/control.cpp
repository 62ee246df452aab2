#include "wire/control.hpp"

#include "base/counter.hpp"

namespace authex::wire {
namespace {

/// The deadline is on the wire where there is one, at the end.
constexpr std::size_t before_deadline_bytes = offsetof(SetConnection, deadline);
constexpr std::size_t after_deadline_bytes =
    offsetof(SetConnection, key) + connection_key_bytes - before_deadline_bytes - 1;
static_assert(1 + before_deadline_bytes + after_deadline_bytes == set_connection_bytes);
static_assert(offsetof(SetConnection, endpoint) == 2 && offsetof(SetConnection, role) == 4 &&
              offsetof(SetConnection, algorithm) == 5 && offsetof(SetConnection, delivery) == 6 &&
              offsetof(SetConnection, epoch) == 8 && offsetof(SetConnection, key) == 12);

#if AUTHEX_WITH_HANDOVER
constexpr std::uint8_t any_length = 0xFF;
#endif
static_assert(!AUTHEX_WITH_KEEPING || (AUTHEX_WITH_TURNS && AUTHEX_WITH_HANDOVER));
#if AUTHEX_WITH_TURNS
constexpr std::uint8_t turn_key_bytes = 2 + connection_key_bytes + 4 + 1 + 8;
#endif
#if AUTHEX_WITH_TURNS && !AUTHEX_WITH_HANDOVER
constexpr std::uint8_t unknown_type = 0xFE;
#endif
/// Bytes after the type, by type.
constexpr std::array fields_bytes = std::to_array<std::uint8_t>({
    0, seed_bytes, set_connection_bytes - 1, 2, 0, 0,
#if AUTHEX_WITH_HANDOVER
        any_length, any_length, 0, 0, 0, state_recipient_bytes + 4, any_length,
        set_connection_bytes - 1 + 4 * 8 + 4, waiting_bytes,
#elif AUTHEX_WITH_TURNS
        unknown_type, unknown_type, unknown_type, unknown_type, unknown_type, unknown_type,
        unknown_type, unknown_type, unknown_type,
#endif
#if AUTHEX_WITH_TURNS
        turn_key_bytes,
#endif
#if AUTHEX_WITH_KEEPING
        connection_key_bytes, any_length,
#endif
});

/// @param fields set_connection_bytes - 1
Error parse_set_connection(const std::uint8_t* fields, SetConnection& connection) {
    __builtin_memcpy(&connection, fields, before_deadline_bytes);
    __builtin_memcpy(&connection.epoch, fields + before_deadline_bytes, after_deadline_bytes);
    const bool known_algorithm = connection.algorithm == crypto::Algorithm::aes_128_gcm ||
                                 connection.algorithm == crypto::Algorithm::spongent_128;
    if (connection.role > Role::destination || connection.delivery > Delivery::lossy ||
        !known_algorithm || connection.epoch == 0) {
        return Error::malformed;
    }
    return Error::none;
}

#if AUTHEX_WITH_DEADLINES
bool has_terms(ControlType type) {
    return type == ControlType::set_connection || type == ControlType::continue_connection;
}

/// @pre the length is right
Error parse_deadline(ByteView fields, SetConnection& connection) {
    Reader reader(fields);
    connection.deadline = reader.u8();
    connection.within_us = reader.u32();
    const unsigned late = connection.deadline & ~unsigned{by_own_clock};
    return late == late_marked || late == late_dropped ? Error::none : Error::malformed;
}
#endif

#if AUTHEX_WITH_VALUES
bool is_of_value(ControlType type) {
    return type == ControlType::set_value || type == ControlType::remove_value;
}

Error parse_value(ByteView fields, ControlType type, NamedValue& named) {
    Reader reader(fields);
    const std::uint8_t kind = reader.u8();
    named.kind = static_cast<ValueKind>(kind);
    named.name = reader.take(reader.u8());
    named.value = type == ControlType::set_value ? reader.rest() : ByteView();
    if (!reader.ok()) {
        return Error::truncated;
    }
    if (kind > static_cast<std::uint8_t>(ValueKind::secret) || !reader.done()) {
        return Error::malformed;
    }
    return check_value(named);
}
#endif

#if AUTHEX_WITH_TURNS
/// @pre the length is that of the type
Error parse_turn(ByteView fields, ControlMessage& message) {
    const std::uint8_t* at = fields.data();
    const auto take = [&](void* to, std::size_t bytes) {
        __builtin_memcpy(to, at, bytes);
        at += bytes;
    };
    take(&message.connection.channel, 2);
    take(message.connection.key.data(), connection_key_bytes);
    take(&message.turn, sizeof message.turn);
    const std::uint8_t seals = *at++;
    message.seals = seals == 1;
    load(message.until, at);
    return seals <= 1 ? Error::none : Error::malformed;
}
#endif

#if AUTHEX_WITH_KEEPING
void parse_key(Reader& reader, SetConnection& connection) {
    const ByteView key = reader.take(connection_key_bytes);
    if (key.size() == connection_key_bytes) {
        copy(key, connection.key);
    }
}
#endif

#if AUTHEX_WITH_HANDOVER
Error parse_import(ByteView fields, ControlMessage& message) {
    Reader reader(fields);
    message.version = reader.u32();
    message.sealed = reader.take(reader.u16());
    message.pieces = reader.rest();
    if (!reader.ok() || message.sealed.size() < state_overhead_bytes) {
        return Error::truncated;
    }
    const bool fits = message.sealed.size() <= state_overhead_bytes + state_chunk_max_bytes &&
                      message.pieces.size() <= state_pieces_max_bytes;
    return fits ? Error::none : Error::too_large;
}

/// @pre the length is that of the type
Error parse_of_handover(ByteView fields, ControlMessage& message) {
    Reader reader(fields);
    if (message.type == ControlType::export_state) {
        message.recipient = reader.take(state_recipient_bytes);
        message.offset = reader.u32();
    } else if (message.type == ControlType::continue_connection) {
        const Error error =
            parse_set_connection(reader.take(set_connection_bytes - 1).data(), message.connection);
        for (std::uint64_t& counter : message.counters) {
            counter = reader.u64();
        }
        message.turn = reader.u32();
        return error;
    } else if (message.type == ControlType::arm) {
        message.waiting.endpoint = reader.u16();
        message.waiting.value = reader.u64();
    }
#if AUTHEX_WITH_KEEPING
    if (message.type == ControlType::keep_state) {
        parse_key(reader, message.connection);
    }
#endif
    return Error::none;
}
#endif

#if AUTHEX_WITH_KEEPING
Error parse_restore(ByteView fields, ControlMessage& message) {
    Reader reader(fields);
    parse_key(reader, message.connection);
    message.sealed = reader.rest();
    return reader.ok() ? Error::none : Error::truncated;
}
#endif

} // namespace

#if AUTHEX_WITH_VALUES
Error check_value(const NamedValue& named) {
    if (named.name.empty() || named.name.size() > value_name_max_bytes) {
        return Error::malformed;
    }
    return named.value.size() > value_max_bytes ? Error::too_large : Error::none;
}
#endif

Error parse_control(ByteView body, ControlMessage& message) {
    if (body.empty()) {
        message.type = {};
        return Error::truncated;
    }
    message.type = static_cast<ControlType>(body[0]);
#if AUTHEX_WITH_VALUES
    if (is_of_value(message.type)) {
        return parse_value(body.subspan(1), message.type, message.named);
    }
#endif
    if (body[0] == 0 || body[0] >= fields_bytes.size()) {
        return Error::unknown_kind;
    }
    ByteView fields = body.subspan(1);
#if AUTHEX_WITH_HANDOVER
    if (message.type == ControlType::import_state) {
        return parse_import(fields, message);
    }
#endif
#if AUTHEX_WITH_KEEPING
    if (message.type == ControlType::restore_state) {
        return parse_restore(fields, message);
    }
#endif
    const std::size_t expected_bytes = fields_bytes[body[0]];
#if AUTHEX_WITH_TURNS && !AUTHEX_WITH_HANDOVER
    if (expected_bytes == unknown_type) {
        return Error::unknown_kind;
    }
#endif
#if AUTHEX_WITH_DEADLINES
    if (has_terms(message.type) && fields.size() == expected_bytes + deadline_bytes) {
        const Error error = parse_deadline(fields.subspan(expected_bytes), message.connection);
        if (error != Error::none) {
            return error;
        }
        fields = fields.first(expected_bytes);
    }
#endif
    if (fields.size() != expected_bytes) {
        return fields.size() < expected_bytes ? Error::truncated : Error::malformed;
    }
    if (message.type == ControlType::set_connection) {
        return parse_set_connection(fields.data(), message.connection);
    }
    if (message.type == ControlType::remove_connection) {
        __builtin_memcpy(&message.connection.channel, fields.data(), fields_bytes[3]);
    }
    if (message.type == ControlType::seed) {
        message.entropy = fields;
    }
#if AUTHEX_WITH_TURNS
    if (message.type == ControlType::turn_key) {
        return parse_turn(fields, message);
    }
#endif
#if AUTHEX_WITH_HANDOVER
    return parse_of_handover(fields, message);
#else
    return Error::none;
#endif
}

#if AUTHEX_WITH_HANDOVER
Error parse_state_piece(Reader& reader, StatePiece& piece) {
    piece.from = reader.u16();
    piece.bytes = reader.u16();
    piece.to = reader.u32();
    piece.name = reader.take(reader.u8());
    return reader.ok() ? Error::none : Error::truncated;
}
#endif

void write_answer(ControlType type, const std::uint64_t& answers, Error error, Bytes out) {
    out[0] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(type) | control_answer_bit);
    store(&out[1], answers);
    out[control_answer_bytes - 1] = static_cast<std::uint8_t>(error);
}

} // namespace authex::wire
