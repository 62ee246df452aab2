// A connection goes on under another key, its counters with it.      (docs/protocol.md "Turning
// keys")
#include "base/counter.hpp"
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_TURNS

namespace authex::runtime {

namespace {

std::uint8_t slot_of(std::uint32_t turn) {
    return static_cast<std::uint8_t>(turn % keys_of_a_connection);
}

} // namespace

bool Connection::may_open(const wire::FrameHeader& header) {
    return is_under_newest(header) || below(header.counter, until);
}

void Connection::opened(const wire::FrameHeader& header) {
    const std::uint8_t newest = slot_of(turn);
    if (is_under_newest(header) && seals_with == newest) {
        key_in(newest ^ 1U).clear();
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

bool Connection::is_under_newest(const wire::FrameHeader& header) const {
    return ((header.flags & wire::flag_turned) != 0) == (slot_of(turn) != 0);
}

/// What waits is good under the key before. A source of events has nothing to open, so it forgets
/// that at once; others when something under the new key has come.
Error Runtime::turn_key(const wire::ControlMessage& message, Writer& data) {
    Connection* connection = connections_.find(message.connection.channel);
    if (connection == nullptr) {
        return nothing_there();
    }
    const std::uint8_t slot = slot_of(message.turn);
    const std::uint32_t ahead = message.turn - connection->turn;
    if (ahead > 1) {
        return Error::old_epoch;
    }
    if (ahead == 1) {
        (void)connection->key_in(slot).set(connection->terms.algorithm, message.connection.key);
        copy(message.connection.key, connection->terms.key);
        connection->turn = message.turn;
        assign(connection->until, message.until);
    } else if (!equal_constant_time(message.connection.key, connection->terms.key)) {
        return Error::key_mismatch;
    }
    if (below(message.until, connection->until)) {
        assign(connection->until, message.until);
    }
    if (message.seals) {
        connection->seals_with = slot;
        if (connection->endpoint->kind == AUTHEX_KIND_OUTPUT) {
            connection->key_in(slot ^ 1U).clear();
        }
    }
    data.bytes(bytes_of(connection->is_source() ? connection->next_out : connection->next_in));
    return Error::none;
}

} // namespace authex::runtime

#endif
