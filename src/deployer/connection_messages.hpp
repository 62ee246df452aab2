#pragma once
// A connection of the state, as modules and nodes are told of it.

#include <cstdint>
#include <string>
#include <vector>

#include "authex/v1/node.pb.h"
#include "deployer/state.hpp"
#include "wire/control_owner.hpp"

namespace authex::deployer {

/// The order for one end. It has the key: whoever sends it wipes it.
[[nodiscard]] wire::ControlMessage set_connection(const ConnectionRecord& record, wire::Role role);

/// The same for a process that takes another's place, with the counters that were there; where what
/// waits may be under the key before, with both keys.
[[nodiscard]] std::vector<wire::ControlMessage>
continue_connection(const ConnectionRecord& record, wire::Role role, const wire::AuditEntry& at);
/// The order that turns the key of one end to `record.turn`. @param seals not only to open
[[nodiscard]] wire::ControlMessage
turn_key(const ConnectionRecord& record, wire::Role role, bool seals);

/// The connection as one of its nodes must route it.
[[nodiscard]] v1::ConnectRequest
route_on(const ConnectionRecord& record, const std::string& node, std::uint16_t deployment);

/// Of both ends, without repetition, without the deployer.
[[nodiscard]] std::vector<std::string> nodes_of(const ConnectionRecord& record);

} // namespace authex::deployer
