#pragma once
// A state for another machine: what is known of the deployment, without any key that seals.
// (docs/protocol.md, P61 to P64; docs/decisions)

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "deployer/database.hpp"
#include "deployer/state.hpp"

namespace authex::deployer {

/// The records of `from` in a database of their own. Control sessions, keys of connections, next
/// counters and messages under way are not in it: so whoever goes on from the copy can only use
/// keys of his own, whatever the machine that it was taken from does meanwhile.
/// @error of the state
[[nodiscard]] Expected<std::shared_ptr<Database>> copy_without_keys(State& from);

/// A record as a copy has it: its epoch is known, its key is not. Keys that the descriptor gives to
/// two modules stay, as they stand in the descriptor too.
[[nodiscard]] ConnectionRecord without_key(ConnectionRecord record);

} // namespace authex::deployer
