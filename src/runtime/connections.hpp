#pragma once
// The connections of one module: keys, counters and the rule of what is accepted.    (DESIGN "Keys
// and freshness")

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "crypto/aead.hpp"
#include "wire/control.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

#ifndef AUTHEX_MAX_CONNECTIONS
#define AUTHEX_MAX_CONNECTIONS 64
#endif
constexpr std::size_t max_connections = AUTHEX_MAX_CONNECTIONS;

/// One end of a connection. `next_out` numbers what this end originates (events, requests);
/// `next_in` what it takes (events, requests, or replies at the source of requests).
struct Connection {
    wire::SetConnection
        terms; ///< as the owner set them; the raw key is kept to recognise a repeated order
    std::uint64_t next_out = 0;
    std::uint64_t next_in = 0;
    std::uint64_t accepted = 0;
    std::uint32_t refused = 0; ///< stays at its largest value
    bool used = false;
    bool owes_ack = false;   ///< something was taken or repeated since the last ack
    bool came_early = false; ///< a frame beyond next_in was refused since the last ack
    crypto::AeadKey key;
};

/// The rule: only the next counter; a lossy connection also takes later ones. (docs/protocol.md
/// P12)
/// @error replayed | too_early | exhausted
[[nodiscard]] Error
check_counter(std::uint64_t counter, std::uint64_t expected, wire::Delivery delivery);

class ConnectionTable {
  public:
    ConnectionTable() = default;
    ConnectionTable(const ConnectionTable&) = delete;
    ConnectionTable& operator=(const ConnectionTable&) = delete;
    ~ConnectionTable() { clear(); }

    /// Sets or replaces a connection. The same order twice is done once.
    /// @error no_space | old_epoch | key_mismatch | unsupported
    [[nodiscard]] Error set(const wire::SetConnection& terms);
    /// Wipes one; none with this channel is no error: the owner may say it again.
    void remove(std::uint16_t channel);
    void clear();
    [[nodiscard]] Connection* find(std::uint16_t channel);
    /// All slots that ever were used, in a fixed order.
    [[nodiscard]] std::span<Connection> slots() { return std::span(slots_).first(high_); }

  private:
    static void wipe_slot(Connection& connection);
    [[nodiscard]] Connection* free_slot();
    std::array<Connection, max_connections> slots_{};
    std::size_t high_ = 0;
    std::size_t last_found_ = 0;
};

} // namespace authex::runtime
