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
    /// How many of the messages belong to the first turn of sending; the others to the second.
    std::size_t first_turn = 0;
    /// One for each message: the module's authenticated answer without an error of its own.
    /// @error order-refused | order-unanswered | what the node says
    std::vector<Expected<OrderAnswer>> answers;
    /// The module's record afterwards; the caller commits it with what follows from the answers.
    /// It is not attested any more where the module did not answer.
    ModuleRecord record;
};

/// Those of one module; made where there are none yet.
[[nodiscard]] ModuleOrders& orders_of(std::vector<ModuleOrders>& all, const std::string& module);

struct OrderContext {
    State& state;
    Nodes& nodes;
    Executor& executor;
};

/// Orders that are sealed together, so that one transaction keeps all the counters they use, and
/// sent in one turn or two.
class OrderBatch {
  public:
    explicit OrderBatch(const OrderContext& context) : context_(context) {}

    /// Seals the orders and puts the counters that come after them into `change`, which the caller
    /// commits before anything is sent. `orders` stay where they are until all is sent.
    /// @pre the state has a record of each module, attested
    Expected<bool> seal(std::vector<ModuleOrders>& orders, Change& change);
    /// Sends the messages of a turn (0 or 1), each module's in one Control call. A message for
    /// which `wanted` (of module and index) says no is left out, as are those to modules that have
    /// not answered before.
    void send(int turn, const std::function<bool(const ModuleOrders&, std::size_t)>& wanted);

  private:
    struct Sealed;
    void send(Sealed& sealed, const std::vector<std::size_t>& chosen, Node& node);

    OrderContext context_;
    std::vector<std::shared_ptr<Sealed>> sealed_;
};

/// Somebody goes on from another copy of this state.                  (docs/protocol.md, P63)
[[nodiscard]] Diagnostic superseded(const std::string& module, const std::string& why);

/// All in one turn: sealed, committed with `change`, sent.
/// @error of the state: nothing was sent
Expected<bool>
give_orders(const OrderContext& context, Change change, std::vector<ModuleOrders>& orders);

/// The first frame of `frames`, which begins behind it then. Empty: there is no whole one.
ByteView take_frame(ByteView& frames);

} // namespace authex::deployer
