#include "deployer/single_orders.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deployer/engine.hpp"

namespace authex::deployer {

wire::ControlMessage simple(wire::ControlType type) {
    wire::ControlMessage message;
    message.type = type;
    return message;
}

const wire::AuditEntry* entry_of(const std::vector<wire::AuditEntry>& audit,
                                 const ConnectionRecord& connection,
                                 wire::Role role) {
    const auto found = std::find_if(audit.begin(), audit.end(), [&](const auto& entry) {
        return entry.channel == connection.id && entry.epoch == connection.epoch &&
               entry.role == role;
    });
    return found == audit.end() ? nullptr : &*found;
}

wire::ControlMessage with_state_key(wire::ControlType type, const Secret& key) {
    wire::ControlMessage message = simple(type);
    copy(key.view(), message.connection.key);
    return message;
}

Expected<std::vector<OrderAnswer>> order_one(const EngineContext& context,
                                             const std::string& record,
                                             std::vector<wire::ControlMessage> messages) {
    const ModuleRecord* module = context.state.module(record);
    if (module == nullptr || module->attested_at_us == 0) {
        return failure(
            "not-attested", fmt::format("module {} is not attested", record), "run authex up");
    }
    std::vector<ModuleOrders> orders;
    orders.push_back({.module = record, .messages = std::move(messages)});
    const Expected<bool> given =
        give_orders({context.state, context.nodes, *context.outside.executor}, {}, orders);
    for (wire::ControlMessage& message : orders[0].messages) {
        wipe(message.connection.key);
    }
    if (!given) {
        return tl::make_unexpected(given.error());
    }
    Change change;
    change.urgent = false;
    change.modules = {std::move(orders[0].record)};
    const Expected<bool> kept = context.state.commit(change);
    if (!kept) {
        return tl::make_unexpected(kept.error());
    }
    std::vector<OrderAnswer> answers;
    for (Expected<OrderAnswer>& answer : orders[0].answers) {
        if (!answer) {
            return tl::make_unexpected(answer.error());
        }
        answers.push_back(std::move(*answer));
    }
    return answers;
}

} // namespace authex::deployer
