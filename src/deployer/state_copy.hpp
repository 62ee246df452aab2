#pragma once
// A state for another machine: what is known of the deployment, without any key that seals.
// (docs/protocol.md, P61 to P64; docs/decisions)

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "deployer/database.hpp"
#include "deployer/state.hpp"

namespace authex::deployer {

/// The records of `from` in a database of their own. Control sessions, keys of connections, next
/// counters and messages under way are not in it: so whoever goes on from the copy can only use
/// keys of his own, whatever the machine that it was taken from does meanwhile.
/// @error of the state
[[nodiscard]] Expected<std::shared_ptr<Database>> copy_without_keys(State& from);

/// The same for somebody who goes on in the place of the one it is taken from, and not beside him:
/// with the keys of connections that outlive a module's process, since its state is kept. Whoever
/// deploys seals under none of these either.
Expected<std::shared_ptr<Database>> copy_to_hand_on(State& from);
/// A record as such a copy has it. @param modules of the state that it is taken from
[[nodiscard]] ConnectionRecord handed_on(ConnectionRecord record,
                                         const std::map<std::string, ModuleRecord>& modules);

/// A record as a copy has it: its epoch is known, its key is not. Keys that the descriptor gives to
/// two modules stay, as they stand in the descriptor too.
[[nodiscard]] ConnectionRecord without_key(ConnectionRecord record);

} // namespace authex::deployer
