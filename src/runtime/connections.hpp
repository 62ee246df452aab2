#pragma once
// The connections of one module: keys, counters and the rule of what is accepted.    (DESIGN "Keys
// and freshness")

#include <authex/abi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "crypto/aead.hpp"
#include "runtime/features.hpp"
#include "wire/control.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

#ifndef AUTHEX_MAX_CONNECTIONS
#define AUTHEX_MAX_CONNECTIONS 64
#endif
constexpr std::size_t max_connections = AUTHEX_MAX_CONNECTIONS;
/// A short table needs no help to be found in.
#define AUTHEX_WITH_CONNECTION_HINTS (AUTHEX_MAX_CONNECTIONS > 8)

/// In the order of an audit. (wire/control.hpp)
struct ConnectionCounters {
    std::uint64_t next_out = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t next_in = 0;
};

/// Two where keys are turned: what waits was sealed under the one before.
constexpr std::size_t keys_of_a_connection = AUTHEX_WITH_TURNS != 0 ? 2 : 1;

/// One end of a connection. `next_out` numbers what this end originates (events, requests);
/// `next_in` what it takes (events, requests, or replies at the source of requests). All zero: not
/// in use.
struct Connection : ConnectionCounters {
    /// As the owner set them; the raw key is kept to recognise a repeated order.
    wire::SetConnection terms;
    const authex_endpoint* endpoint = nullptr; ///< `terms.endpoint`, which fits `terms.role`
    bool used = false;
    bool owes_ack = false;   ///< something was taken or repeated since the last ack
    bool came_early = false; ///< a frame beyond next_in was refused since the last ack
#if AUTHEX_WITH_DEADLINES
    std::uint32_t missed = 0; ///< events that were late and not given on, since the last that was
#endif
#if AUTHEX_WITH_TURNS
    std::uint8_t seals_with = 0; ///< index of a key
    std::uint32_t turn = 0;      ///< number of the newest key; `terms` has its bytes
    std::uint64_t until = 0;     ///< what the key before opens has smaller counters
#endif
    /// By the last bit of their numbers.
    crypto::AeadKey keys[keys_of_a_connection];

    /// Without a multiplication, which not every processor has.
    [[nodiscard]] crypto::AeadKey& key_in(unsigned slot) {
        return keys_of_a_connection > 1 && slot != 0 ? keys[keys_of_a_connection - 1] : keys[0];
    }
    /// That a frame names. What names none that there is does not open.
    [[nodiscard]] crypto::AeadKey& key_of(const wire::FrameHeader& header) {
        return key_in(header.flags & wire::flag_turned);
    }
#if AUTHEX_WITH_TURNS
    /// Whether a frame with this counter can be under the key that it names.
    [[nodiscard]] bool may_open(const wire::FrameHeader& header);
    /// Nothing is to come under the key before the newest any more.
    void opened(const wire::FrameHeader& header);
    /// The key that was set has this number. @param seals else another is sealed under: none yet
    void continue_under(std::uint32_t number, bool seals);
    [[nodiscard]] bool is_under_newest(const wire::FrameHeader& header) const;
#endif
    /// That the next frame is sealed under, which is to name it.
    [[nodiscard]] crypto::AeadKey& sealing_key(wire::FrameHeader& header) {
#if AUTHEX_WITH_TURNS
        if (seals_with != 0) {
            header.flags |= wire::flag_turned;
        }
        return key_in(seals_with);
#else
        (void)header;
        return keys[0];
#endif
    }

    /// In the body of an event or request.
    [[nodiscard]] std::size_t bytes_before_data() const {
#if AUTHEX_WITH_DEADLINES
        return terms.deadline != wire::deadline_none ? wire::sent_at_bytes : 0;
#else
        return 0;
#endif
    }
    [[nodiscard]] bool is_source() const {
        return (with_outputs || with_requests) && terms.role == wire::Role::source;
    }
};

/// The rule: only the next counter; a lossy connection also takes later ones. (docs/protocol.md
/// P12)
/// @error replayed | too_early | exhausted
[[nodiscard]] Error
check_counter(const std::uint64_t& counter, const std::uint64_t& expected, wire::Delivery delivery);

class ConnectionTable {
  public:
    ConnectionTable() = default;
    ConnectionTable(const ConnectionTable&) = delete;
    ConnectionTable& operator=(const ConnectionTable&) = delete;
    ~ConnectionTable() { clear(); }

    /// Sets or replaces a connection. The same order twice is done once.
    /// @param connection what find() says of the channel; set to where it is now.
    /// @error no_space | old_epoch | key_mismatch | unsupported
    [[nodiscard]] Error set(const wire::SetConnection& terms, Connection*& connection);
    /// Wipes one.
    static void remove(Connection& connection);
    void clear();
    [[nodiscard]] Connection* find(std::uint16_t channel);
    /// All slots that ever were used, in a fixed order; others may be among them.
    [[nodiscard]] std::span<Connection> slots() {
#if AUTHEX_WITH_CONNECTION_HINTS
        return std::span(slots_).first(high_);
#else
        return slots_;
#endif
    }

  private:
    [[nodiscard]] Connection* free_slot();
    std::array<Connection, max_connections> slots_{};
#if AUTHEX_WITH_CONNECTION_HINTS
    std::size_t high_ = 0;
    Connection* last_found_ = nullptr;
#endif
};

} // namespace authex::runtime
