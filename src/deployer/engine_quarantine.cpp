// Modules that failed to prove what they are are cut off from all others.
#include <algorithm>

#include <fmt/format.h>

#include "deployer/engine.hpp"

namespace authex::deployer {
namespace {

/// The end that is to be told, where the other one is cut off.
const EndRecord& peer_of(const ConnectionRecord& connection, const std::string& cut_off) {
    return connection.from.module == cut_off ? connection.to : connection.from;
}

/// Nothing is sealed or opened under the key any more, by whomever.
ConnectionRecord without_ends(ConnectionRecord record) {
    record.key = Secret();
    record.key_before = Secret();
    record.complete = false;
    record.next_counter = 0;
    record.pending.clear();
    record.window_open_since_us = 0;
    return record;
}

} // namespace

/// A quarantine stands in the state before any peer hears of it: whoever goes on from here cuts the
/// module off.
void Engine::refuse(const Step& step, const Diagnostic& why, Change& change) {
    result_.errors.push_back(why);
    const std::string& module = step.shown.subject;
    const ModuleRecord* known = context_.state.module(module);
    if (!step.suspects || known == nullptr || !is_refusal(why)) {
        return;
    }
    ModuleRecord record = *known;
    record.quarantined = why.summary;
    record.session = Secret();
    record.attested_at_us = 0;
    change.modules.push_back(std::move(record));
    for (const auto& [id, connection] : context_.state.connections()) {
        if (connection.from.module == module || connection.to.module == module) {
            change.connections.push_back(connection);
            change.connections.back().complete = false;
            change.connections.back().window_open_since_us = 0;
        }
    }
    change.urgent = true;
    result_.quarantined.push_back(module);
    Report(context_.reporter, "quarantine", module, step.shown.node).done(why.summary);
    result_.errors.push_back(
        make_error("quarantined",
                   fmt::format("module {} has not proven what it is, and is cut off from all "
                               "others: {}",
                               module,
                               why.summary),
                   fmt::format("look at node {}; once it is to be trusted again: authex attest {}, "
                               "then authex up",
                               step.shown.node,
                               module)));
}

void Engine::cut_off(const Steps& steps) {
    Change change;
    std::vector<ModuleOrders> orders;
    std::map<std::string, Steps> asking; // in the order of the messages
    for (const Step* step : steps) {
        const EndRecord& peer = peer_of(*step->connection, step->cut_off);
        const ModuleRecord* record = context_.state.module(peer.module);
        const bool has_none =
            record == nullptr || record->disabled || !record->quarantined.empty() ||
            (record->attested_at_us != 0 && record->incarnation != peer.incarnation);
        if (has_none) {
            change.connections.push_back(without_ends(*step->connection));
            done(*step);
        } else if (record->attested_at_us == 0 || broken_.contains(peer.module)) {
            failed(*step,
                   make_error("peer-not-told",
                              fmt::format("module {} is not attested: it could not be told to drop "
                                          "connection {}",
                                          peer.module,
                                          step->shown.subject),
                              "run authex up, or let authex watch go on"));
        } else {
            wire::ControlMessage message;
            message.type = wire::ControlType::remove_connection;
            message.connection.channel = step->connection->id;
            orders_of(orders, peer.module).messages.push_back(message);
            asking[peer.module].push_back(step);
        }
    }
    const Expected<bool> given =
        give_orders({context_.state, context_.nodes, *context_.outside.executor}, {}, orders);
    for (ModuleOrders& each : orders) {
        for (std::size_t i = 0; i < each.messages.size(); ++i) {
            const Step* step = asking.at(each.module)[i];
            if (!given || !each.answers[i]) {
                failed(*step, given ? each.answers[i].error() : given.error());
                continue;
            }
            Report(context_.reporter, step->shown.action, step->shown.subject, step->shown.node)
                .done(fmt::format("module {} has dropped it", each.module));
            change.connections.push_back(without_ends(*step->connection));
            done(*step);
        }
        if (given) {
            change.modules.push_back(std::move(each.record));
        }
    }
    commit(change);
}

} // namespace authex::deployer
