// Who is told what when modules come back: their peers first, then they themselves.
#include <utility>

#include "deployer/connection_messages.hpp"
#include "deployer/engine.hpp"
#include "deployer/restoring.hpp"
#include "deployer/single_orders.hpp"

namespace authex::deployer {
namespace {

/// The order of the turn before the newest.
wire::ControlMessage turn_before(ConnectionRecord record, wire::Role role) {
    record.key = record.key_before;
    --record.turn;
    record.turned_at = turn_unfinished;
    record.replies_turned_at = turn_unfinished;
    return turn_key(record, role, true);
}

} // namespace

const EndRecord& Restoring::end_of(const Going& going, wire::Role role) {
    return role == wire::Role::source ? going.record.from : going.record.to;
}

/// Routes are there still, unless a node was emptied meanwhile.
Expected<bool> Restoring::tell_routes() {
    for (const auto& [id, going] : going_) {
        for (const std::string& node : nodes_of(going.record)) {
            const auto told = context_.nodes.at(node)->connect(
                route_on(going.record, node, context_.state.deployment()));
            if (!told) {
                return tl::make_unexpected(told.error());
            }
        }
    }
    return true;
}

/// Those that live first: whoever comes back seals under nothing that they have not.
Expected<bool> Restoring::tell_modules() {
    const Expected<bool> told = tell_those_that_live();
    return told ? tell_those_that_come_back() : told;
}

Expected<bool> Restoring::tell_those_that_live() {
    std::map<std::string, std::vector<wire::ControlMessage>> orders;
    std::map<std::string, std::vector<std::uint16_t>> about;
    for (const auto& [id, going] : going_) {
        for (const wire::Role role : {wire::Role::destination, wire::Role::source}) {
            const std::string& module = end_of(going, role).module;
            if (module.empty() || is_back(module) || later_.contains(module) || !going.turns) {
                continue;
            }
            if (going.unfinished) {
                // It may have the turn before this one, or not, or this one.
                (void)order_one(context_, module, {turn_before(going.record, role)});
            }
            orders[module].push_back(turn_key(going.record, role, true));
            about[module].push_back(id);
        }
    }
    for (auto& [module, messages] : orders) {
        const auto told = order_one(context_, module, std::move(messages));
        if (!told) {
            return tl::make_unexpected(told.error());
        }
        for (std::size_t i = 0; i < told->size(); ++i) {
            ConnectionRecord& record = going_.at(about.at(module)[i]).record;
            (module == record.from.module ? record.turned_at : record.replies_turned_at) =
                Reader((*told)[i].data).u64();
        }
    }
    return true;
}

Expected<bool> Restoring::tell_those_that_come_back() {
    std::map<std::string, std::vector<wire::ControlMessage>> orders;
    for (const auto& [module, revived] : back_) {
        if (goes_on(module)) {
            orders[module];
        }
    }
    for (const auto& [id, going] : going_) {
        for (const wire::Role role : {wire::Role::destination, wire::Role::source}) {
            const std::string& module = end_of(going, role).module;
            if (!goes_on(module)) {
                continue;
            }
            const auto& at = role == wire::Role::source ? going.from : going.to;
            for (wire::ControlMessage& each : continue_connection(going.record, role, at)) {
                orders[module].push_back(each);
                wipe(each.connection.key);
            }
        }
    }
    for (auto& [module, messages] : orders) {
        Reader reader(back_.at(module).waiting);
        while (reader.remaining() != 0) {
            wire::ControlMessage arm = simple(wire::ControlType::arm);
            arm.waiting = {.endpoint = reader.u16(), .value = reader.u64()};
            messages.push_back(arm);
        }
        const auto told = messages.empty() ? std::vector<OrderAnswer>()
                                           : order_one(context_, module, std::move(messages));
        if (!told) {
            return tl::make_unexpected(told.error());
        }
    }
    return true;
}

/// Before anybody is told: the new keys. Then: that the processes that came back are the modules,
/// and what they are told next.
Expected<bool> Restoring::commit(bool done) {
    Change change;
    for (auto& [id, going] : going_) {
        ConnectionRecord& record = going.record;
        if (done) {
            for (EndRecord* end : {&record.from, &record.to}) {
                const ModuleRecord* module = context_.state.module(end->module);
                end->incarnation = module == nullptr ? end->incarnation : module->incarnation;
            }
            // Who comes back later seals under that key, too: nobody of his has.
            record.turning = going.turns && (later_.contains(record.from.module) ||
                                             (record.request && later_.contains(record.to.module)));
            const bool drives = is_output_driver(context_.descriptor, record.to.module);
            record.window_open_since_us = drives ? unix_time_us(context_.outside) : 0;
            result_.continued.insert(id);
        }
        change.connections.push_back(record);
    }
    for (const auto& [module, revived] : back_) {
        if (done && goes_on(module)) {
            ModuleRecord record = *context_.state.module(module);
            record.state_key_before = record.state_key;
            record.state_key = fresh_key(context_.outside);
            record.keeping = KeepingStep::keep;
            change.modules.push_back(std::move(record));
            result_.restored.push_back(module);
        }
    }
    return context_.state.commit(change);
}

std::vector<Diagnostic> Restoring::go_on(const std::set<std::string>& except) {
    std::vector<Diagnostic> problems;
    for (const auto& [name, record] : std::map(context_.state.modules())) {
        const bool goes_on = record.keeping == KeepingStep::keep && record.attested_at_us != 0 &&
                             record.instance_of.empty();
        if (!goes_on || except.contains(name)) {
            continue;
        }
        const auto told =
            order_one(context_,
                      name,
                      {with_state_key(wire::ControlType::keep_state, record.state_key),
                       simple(wire::ControlType::resume)});
        Change change;
        change.modules = {*context_.state.module(name)};
        change.modules[0].keeping = KeepingStep::none;
        change.modules[0].state_key_before = Secret();
        const Expected<bool> kept =
            told ? context_.state.commit(change) : tl::make_unexpected(told.error());
        if (!kept) {
            problems.push_back(kept.error());
        }
    }
    return problems;
}

} // namespace authex::deployer
