#pragma once
// How the state of one instance of a module becomes that of another: which bytes go where.

#include <cstdint>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/state_layout.hpp"
#include "wire/control.hpp"

namespace authex::deployer {

/// A chunk of the state as the instance before exports it, and what the next one does with it.
struct StateChunk {
    std::uint32_t offset = 0;
    std::vector<std::uint8_t> pieces; ///< wire::StatePiece × n
};

/// What an instance takes at a time.
struct TransferLimits {
    std::size_t chunk_bytes = wire::state_chunk_max_bytes;
    std::size_t pieces_bytes = wire::state_pieces_max_bytes;
};

/// A variable goes over by itself where the version of the state, its name and its size are the
/// same in both; else the next instance takes it itself, if it can.
/// @error state-layout: nothing takes a variable, or more than one has its name
Expected<std::vector<StateChunk>> plan_transfer(const std::string& module,
                                                const tee::StateLayout& before,
                                                const tee::StateLayout& next,
                                                const TransferLimits& limits = {});

} // namespace authex::deployer
