#pragma once
// What really happened, connection by connection and key by key, as seen at the AEAD boundary.

#include <map>
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
    /// How many of each a module's function has taken, whoever it was.
    std::uint64_t taken_forward = 0;
    std::uint64_t taken_back = 0;
};

struct Ledger {
    std::map<KeyName, Stream> streams;
};

} // namespace authex::simulation
