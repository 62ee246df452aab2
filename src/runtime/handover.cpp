// One instance of the module takes the place of another: the state goes over sealed, the owner says
// the rest again.                                              (docs/protocol.md "Handing over")
#include "base/counter.hpp"
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_HANDOVER

namespace authex::runtime {

static_assert(wire::state_chunk_max_bytes + wire::state_overhead_bytes + 64 <=
              wire::max_body_bytes);
static_assert(sizeof(std::uint16_t) + sizeof(std::uint64_t) == wire::waiting_bytes);

/// What is told apart from the state: it is the node's to know.
void Runtime::write_waiting(Writer& data) const {
#if AUTHEX_WITH_TIMERS || AUTHEX_WITH_STREAMS
    for (std::uint16_t id = 0; id < max_endpoints; ++id) {
#if AUTHEX_WITH_TIMERS
        if (timers_[id].arming != 0) {
            data.u16(id).u64(timers_[id].delay_us);
        }
#endif
#if AUTHEX_WITH_STREAMS
        if (listening_[id].on) {
            data.u16(id).u64(listening_[id].port +
                             (listening_[id].pulled ? wire::listening_pulled : 0));
        }
#endif
    }
#else
    (void)data;
#endif
}

void Runtime::resume() {
    if (pause_ != Pause::none) {
        pause_ = Pause::none;
        accept_no_state();
        emitter_.allow(send_allowance_bytes);
        tell_manager();
        // Frames that were refused meanwhile are asked for at once.
        for (Connection& connection : connections_.slots()) {
            connection.owes_ack = connection.used;
            connection.came_early = connection.used;
        }
    }
}

Error Runtime::carry_out_handover(const wire::ControlMessage& message, Writer& data) {
    if (disabled_) {
        return Error::disabled;
    }
    if (message.type == wire::ControlType::pause) {
        pause();
        write_waiting(data);
        return data.ok() ? Error::none : Error::too_large;
    }
    if (message.type == wire::ControlType::resume) {
        resume();
        return Error::none;
    }
    if (message.type == wire::ControlType::accept_state) {
        return accept_state(data);
    }
#if AUTHEX_WITH_KEEPING
    if (message.type == wire::ControlType::keep_state) {
        return keep_state(message);
    }
    if (message.type == wire::ControlType::restore_state) {
        return restore_state(message, data);
    }
#endif
    if (pause_ == Pause::none) {
        return Error::wrong_role;
    }
    switch (message.type) {
    case wire::ControlType::export_state:
        return export_state(message, data);
    case wire::ControlType::import_state:
        return import_state(message);
    case wire::ControlType::continue_connection:
        return continue_connection(message, data);
    default:
        return arm(message.waiting);
    }
}

/// Each piece is looked at before any is taken.
Error Runtime::take_pieces(const wire::ControlMessage& message, ByteView chunk) {
    Error error = Error::none;
    for (const bool taken : {false, true}) {
        Reader reader(message.pieces);
        while (error == Error::none && reader.remaining() != 0) {
            error = take_piece(reader, chunk, message.version, taken);
        }
    }
    return error;
}

Error Runtime::take_piece(Reader& reader, ByteView chunk, std::uint32_t version, bool take) {
    wire::StatePiece piece;
    const Error error = wire::parse_state_piece(reader, piece);
    if (error != Error::none) {
        return error;
    }
    const bool migrates = piece.to == wire::state_migrates;
    const bool inside =
        piece.from <= chunk.size() && piece.bytes <= chunk.size() - piece.from &&
        (migrates || (piece.to <= state().size() && piece.bytes <= state().size() - piece.to));
    if (!inside) {
        return Error::malformed;
    }
    const ByteView bytes = chunk.subspan(piece.from, piece.bytes);
    if (!take) {
        return Error::none;
    }
    if (migrates) {
        return migrate(version, piece.name, bytes);
    }
    copy(bytes, state().subspan(piece.to));
    return Error::none;
}

Error Runtime::migrate(std::uint32_t version, ByteView name, ByteView bytes) {
    for (const authex_endpoint& endpoint : endpoints_) {
        if (endpoint.kind == AUTHEX_KIND_STATE && endpoint.function != nullptr) {
            message_ = {};
            message_.id = version;
            message_.name = reinterpret_cast<const char*>(name.data());
            message_.name_size = name.size();
            set_body(bytes);
            emitter_.allow(send_allowance_bytes);
            endpoint.function(&message_);
            return message_.status == AUTHEX_OK ? Error::none : Error::failed;
        }
    }
    return Error::unsupported;
}

/// A connection that is there already is never set back.
Error Runtime::continue_connection(const wire::ControlMessage& message, Writer& data) {
    const bool known = connections_.find(message.connection.channel) != nullptr;
    const Error error = set_connection(message.connection, data);
    if (error != Error::none || known) {
        return error;
    }
    Connection& connection = *connections_.find(message.connection.channel);
#if AUTHEX_WITH_TURNS
    connection.continue_under(message.turn, pause_ != Pause::restored);
#endif
    connection.next_out = message.counters[0];
    connection.accepted = message.counters[1];
    connection.refused = message.counters[2];
    connection.next_in = message.counters[3];
    return Error::none;
}

/// Told to the manager when the module goes on.
Error Runtime::arm([[maybe_unused]] const wire::Waiting& waiting) {
#if AUTHEX_WITH_TIMERS
    if (endpoint(waiting.endpoint, AUTHEX_KIND_TIMER) != nullptr) {
        timers_[waiting.endpoint] = {.delay_us = waiting.value, .arming = ++timers_armed_};
        return Error::none;
    }
#endif
#if AUTHEX_WITH_STREAMS
    if (endpoint(waiting.endpoint, AUTHEX_KIND_STREAM) != nullptr) {
        listening_[waiting.endpoint] = {.port = static_cast<std::uint16_t>(waiting.value),
                                        .pulled = (waiting.value & wire::listening_pulled) != 0,
                                        .on = true};
        return Error::none;
    }
#endif
    return Error::wrong_role;
}

/// Nothing is lost of what the module is not given: events stay where they are until it goes on,
/// timers stay armed. The caller of an entry hears of it.
bool Runtime::holds_back() {
    const bool owners =
        header_.kind == wire::Kind::handshake || header_.kind == wire::Kind::control;
    if (pause_ == Pause::none || owners || header_.kind == wire::Kind::hello) {
        return false;
    }
    if (header_.kind == wire::Kind::call) {
        header_.kind = wire::Kind::result;
        header_.flags = wire::flag_negative;
        const auto error = static_cast<std::uint8_t>(Error::paused);
        (void)emitter_.plain(header_, bytes_of(error));
    } else if (header_.kind != wire::Kind::timer && header_.kind != wire::Kind::time) {
        refuse(Error::paused);
    }
    return true;
}

} // namespace authex::runtime

#endif
