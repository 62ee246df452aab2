#pragma once
// Orders to modules over their control channels, many modules at the same time.

#include <string>
#include <vector>

#include "deployer/control_session.hpp"
#include "deployer/node.hpp"
#include "deployer/state.hpp"
#include "deployer/survey.hpp"
#include "wire/control.hpp"

namespace authex::deployer {

/// What one module is told, and what became of it.
struct ModuleOrders {
    std::string module;
    std::vector<wire::ControlMessage> messages;
    /// One for each message: the module's authenticated answer without an error of its own.
    /// @error order-refused | order-unanswered | what the node says
    std::vector<Expected<OrderAnswer>> answers;
    /// The module's record afterwards; the caller commits it with what follows from the answers.
    ModuleRecord record;
};

struct OrderContext {
    State& state;
    Nodes& nodes;
    Executor& executor;
};

/// Seals the orders, commits `change` together with the counters that they use, and only then sends
/// each module's in one Control call.
/// @pre the state has a record of each module, attested. @error of the state: nothing was sent
Expected<bool>
give_orders(const OrderContext& context, Change change, std::vector<ModuleOrders>& orders);

/// The first frame of `frames`, which begins behind it then. Empty: there is no whole one.
ByteView take_frame(ByteView& frames);

} // namespace authex::deployer
