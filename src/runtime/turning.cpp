// A connection goes on under another key, its counters with it.      (docs/protocol.md "Turning
// keys")
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_TURNS

namespace authex::runtime {

namespace {
std::uint8_t slot_of(std::uint32_t turn) {
    return static_cast<std::uint8_t>(turn % keys_of_a_connection);
}
} // namespace

bool Connection::may_open(const wire::FrameHeader& header) {
    return &key_of(header) == &keys[slot_of(turn)] || header.counter < until;
}

void Connection::opened(const wire::FrameHeader& header) {
    const std::uint8_t newest = slot_of(turn);
    const bool under_newest = &key_of(header) == &keys[newest];
    if (under_newest && seals_with == newest) {
        keys[newest ^ 1U].clear();
    }
}

void Connection::continue_under(std::uint32_t number, bool seals) {
    turn = number;
    const std::uint8_t newest = slot_of(turn);
    seals_with = seals ? newest : newest ^ 1U;
    if (newest != 0) {
        (void)keys[newest].set(terms.algorithm, terms.key);
        keys[0].clear();
    }
}

/// What waits is good under the key before. A source of events has nothing to open, so it forgets
/// that at once; others when something under the new key has come.
Error Runtime::turn_key(const wire::ControlMessage& message, Writer& data) {
    Connection* connection = connections_.find(message.connection.channel);
    if (connection == nullptr) {
        return nothing_there();
    }
    const std::uint8_t slot = slot_of(message.turn);
    if (message.turn == connection->turn) {
        if (!equal_constant_time(message.connection.key, connection->terms.key)) {
            return Error::key_mismatch;
        }
    } else if (message.turn != connection->turn + 1) {
        return Error::old_epoch;
    } else {
        (void)connection->keys[slot].set(connection->terms.algorithm, message.connection.key);
        connection->terms.key = message.connection.key;
        connection->turn = message.turn;
        connection->until = message.until;
    }
    if (message.until < connection->until) {
        connection->until = message.until;
    }
    if (message.seals) {
        connection->seals_with = slot;
        if (connection->endpoint->kind == AUTHEX_KIND_OUTPUT) {
            connection->keys[slot ^ 1U].clear();
        }
    }
    data.bytes(bytes_of(connection->is_source() ? connection->next_out : connection->next_in));
    return Error::none;
}

} // namespace authex::runtime

#endif
