#pragma once
// Orders to one module, sealed, kept, sent and answered before anything else is done.

#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/control_session.hpp"
#include "deployer/state.hpp"
#include "wire/control_owner.hpp"

namespace authex::deployer {

struct EngineContext;

/// An order without fields.
[[nodiscard]] wire::ControlMessage simple(wire::ControlType type);

/// That a module keeps its state, or goes on opening what was kept, under this key.
[[nodiscard]] wire::ControlMessage with_state_key(wire::ControlType type, const Secret& key);

/// All or nothing, but for what was carried out before the first that failed. Keys in the messages
/// are wiped. @error not-attested | as OrderBatch
Expected<std::vector<OrderAnswer>> order_one(const EngineContext& context,
                                             const std::string& record,
                                             std::vector<wire::ControlMessage> messages);

/// What a module says of its end of the connection; null: nothing.
[[nodiscard]] const wire::AuditEntry* entry_of(const std::vector<wire::AuditEntry>& audit,
                                               const ConnectionRecord& connection,
                                               wire::Role role);

} // namespace authex::deployer
