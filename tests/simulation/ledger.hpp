#pragma once
// What really happened, connection by connection and key by key, as seen at the AEAD boundary.

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "simulation/observer.hpp"
#include "simulation/process.hpp"

namespace authex::simulation {

/// A message under a key.
struct SealedFrame {
    wire::Kind kind = wire::Kind::event;
    Actor by = deployer_actor;
    std::vector<std::uint8_t> plain;
    bool negative = false;
    bool late = false; ///< a later process of that module was at work already
};

/// What was opened last, for the module's function that runs next.
struct OpenedFrame {
    KeyName key{};
    wire::Kind kind = wire::Kind::event;
    std::uint16_t channel = 0;
    std::uint64_t counter = 0;
    bool negative = false;
};

/// All that happened under one key of a connection.
struct Stream {
    std::uint16_t channel = 0;
    std::map<std::uint64_t, SealedFrame> forward; ///< by counter
    std::map<std::uint64_t, SealedFrame> back;
};

/// A connection in one epoch: its keys turn, its counters go on.
struct Line {
    std::set<KeyName> keys;
    /// How many of each a module's function has taken, whoever it was.
    std::uint64_t taken_forward = 0;
    std::uint64_t taken_back = 0;
    Actor took_forward = deployer_actor; ///< who did last
    Actor took_back = deployer_actor;
};

struct Ledger {
    std::map<KeyName, Stream> streams;
    std::set<KeyName> state_keys; ///< of kept states

    /// The owner has ordered so. @param epoch 0: the one that the channel has
    void note_key(const KeyName& key, std::uint16_t channel, std::uint32_t epoch) {
        std::uint32_t& newest = epochs_[channel];
        newest = epoch == 0 ? newest : epoch;
        const LineName name{channel, newest};
        if (names_.emplace(key, name).second) {
            lines_[name].keys.insert(key);
        }
    }
    /// Of a key that was noted; another one is a line of its own.
    Line& line(const KeyName& key) {
        const auto known = names_.find(key);
        return known == names_.end() ? strays_[key] : lines_[known->second];
    }

  private:
    using LineName = std::pair<std::uint16_t, std::uint32_t>;
    std::map<std::uint16_t, std::uint32_t> epochs_;
    std::map<KeyName, LineName> names_;
    std::map<LineName, Line> lines_;
    std::map<KeyName, Line> strays_;
};

} // namespace authex::simulation
