#pragma once
// What the router's two files share: the state of a connection and of its two directions.

#include <map>
#include <memory>
#include <vector>

#include "em/router.hpp"

namespace authex::em {

/// Of a connection in the router's tables.
inline std::uint32_t key_of(std::uint16_t deployment, std::uint16_t channel) {
    return (std::uint32_t{deployment} << 16U) | channel;
}

/// No progress for so long: ask the receiver where it stands. Doubles up to the maximum.
constexpr std::uint64_t rto_min_us = 200'000;
constexpr std::uint64_t rto_max_us = 5'000'000;
/// A full outbox without progress for so long may take more of the disk: it may be part of a cycle.
constexpr std::uint64_t spill_after_us = 100'000;
/// The same where there are many: each waits longer for its turn, without being stuck.
constexpr std::uint64_t spill_after_crowded_us = 1'000'000;
/// An outbox that grows and shrinks all the time costs more than what passes through it.
constexpr std::uint64_t shrink_after_us = 5'000'000;
/// A disk that has failed is tried again after so long.
constexpr std::uint64_t disk_again_us = 1'000'000;

/// One direction of a connection. Frames come from a module or the deployer (then they are kept in
/// the outbox) or from a peer (then they wait, bounded, for room at the module).
struct Router::Lane {
    Connection* connection = nullptr;
    wire::Direction direction = wire::Direction::forward;
    std::unique_ptr<Outbox> outbox;
    std::vector<std::uint8_t> pending; ///< from a peer, no room at the module yet
    std::size_t pending_begin = 0;
    Target* sink = nullptr;
    PeerId came_from = no_id;     ///< the link that this lane's frames arrive on
    ModuleId source = no_id;      ///< the only module that may speak here
    ModuleId destination = no_id; ///< the only module that may acknowledge
    ModuleId blocked = no_id;     ///< a module whose frame did not fit
    std::uint64_t behind = 0;     ///< stall of the source's ring in which frames were passed over
    std::uint64_t blocked_at = 0; ///< when, in µs
    bool queued = false;          ///< in sink->ready
    bool resuming = false;        ///< sends nothing before the receiver said where it stands
    bool asked = false;
    bool stays = false;       ///< its node may carry it by itself
    bool never_stays = false; ///< it is no such node
    std::uint64_t rto_us = rto_min_us;
    std::uint64_t due = 0;           ///< when to ask the receiver
    std::uint64_t used_at = 0;       ///< when the outbox took its newest frame
    std::uint64_t timer_due = never; ///< of the one entry in timers_ that counts
    std::uint64_t last_negative = never;

    std::uint64_t watched = never; ///< counter of the frame whose delivery is timed
    std::uint64_t watched_at = 0;

    std::uint64_t forwarded = 0;
    std::uint64_t forwarded_bytes = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t retransmitted = 0;
    std::uint64_t refused = 0;
    std::map<Error, std::uint64_t> refused_by;
    std::string last_refusal;
};

struct Router::Connection {
    Route route;
    Lane lanes[2];
    DirectState direct;
    [[nodiscard]] std::uint32_t key() const {
        return (std::uint32_t{route.deployment} << 16U) | route.channel;
    }
    Lane& lane(wire::Direction direction) { return lanes[static_cast<std::size_t>(direction)]; }
};

/// A lane's turn among those that share a target.
constexpr std::size_t turn_bytes = 16 * 1024;

} // namespace authex::em
