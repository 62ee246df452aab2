// Connections: keys for both ends, and routes between them.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "deployer/connection_messages.hpp"
#include "deployer/engine.hpp"
#include "deployer/turning.hpp"

namespace authex::deployer {

/// One connection on its way to be set.
struct Engine::Connecting {
    const Step* step = nullptr;
    ConnectionRecord record;
    std::optional<Diagnostic> problem;
    std::unique_ptr<Report> report;
};

namespace {

void wipe_keys(std::vector<ModuleOrders>& orders) {
    for (ModuleOrders& each : orders) {
        for (wire::ControlMessage& message : each.messages) {
            wipe(message.connection.key);
        }
    }
}

} // namespace

/// Those that can be set now, with what they will be in `change`.
std::vector<Engine::Connecting> Engine::begin_connecting(const Steps& steps, Change& change) {
    std::vector<Connecting> all;
    for (const Step* step : steps) {
        if (continued_.contains(step->connection->id)) {
            continue;
        }
        Connecting connecting{.step = step, .record = *step->connection};
        const EndRecord& from = connecting.record.from;
        const EndRecord& to = connecting.record.to;
        const bool from_ready = from.module.empty() || !broken_.contains(from.module);
        if (!from_ready || broken_.contains(to.module)) {
            skip(
                *step,
                fmt::format("module {} is not ready for it", from_ready ? to.module : from.module));
            continue;
        }
        const Expected<bool> intended = intend(connecting, change);
        if (!intended) {
            failed(*step, intended.error());
            continue;
        }
        connecting.report = std::make_unique<Report>(
            context_.reporter, step->shown.action, step->shown.subject, step->shown.node);
        all.push_back(std::move(connecting));
    }
    return all;
}

void Engine::connect(const Steps& steps) {
    Change change;
    std::vector<Connecting> all = begin_connecting(steps, change);
    if (all.empty()) {
        return;
    }
    std::vector<ModuleOrders> orders;
    Asking asking = order_ends(all, orders);
    OrderBatch batch({context_.state, context_.nodes, *context_.outside.executor});
    const Expected<bool> sealed = batch.seal(orders, change);
    wipe_keys(orders);
    // Keys, epochs and counters stand before any node hears of them.
    const Expected<bool> kept = sealed ? context_.state.commit(change) : sealed;
    if (!kept) {
        result_.errors.push_back(kept.error());
        return;
    }
    change = {};
    change.urgent = false;
    set_routes(all);
    // The destinations are keyed before the sources: what arrives can be opened.
    for (const int turn : {0, 1}) {
        batch.send(turn, [&](const ModuleOrders& each, std::size_t index) {
            return !asking.at(each.module)[index]->problem.has_value();
        });
        take_answers(orders, asking, turn);
    }
    for (ModuleOrders& each : orders) {
        if (each.record.attested_at_us == 0) {
            broken_.insert(each.module);
        }
        change.modules.push_back(std::move(each.record));
    }
    for (Connecting& each : all) {
        if (each.problem) {
            each.report->failed(each.problem->summary);
            result_.errors.push_back(*each.problem);
            continue;
        }
        each.record.complete = true;
        const bool drives = is_output_driver(context_.descriptor, each.record.to.module);
        each.record.window_open_since_us = drives ? now_us() : 0;
        change.connections.push_back(each.record);
        each.report->done(fmt::format("epoch {}", each.record.epoch));
        done(*each.step);
    }
    commit(change);
}

/// What the connection will be: the same key again, where it is certain that both ends are the
/// processes that it was made for, else a new epoch and a key that nobody has.
Expected<bool> Engine::intend(Connecting& connecting, Change& change) {
    ConnectionRecord& record = connecting.record;
    for (EndRecord* end : {&record.from, &record.to}) {
        if (end->module.empty()) {
            continue;
        }
        const ModuleRecord* module = context_.state.module(end->module);
        if (module == nullptr || module->attested_at_us == 0) {
            return failure("not-attested",
                           fmt::format("connection {} waits for module {}, which is not attested",
                                       record.name,
                                       end->module),
                           "run authex up");
        }
        end->incarnation = module->incarnation;
    }
    const auto known = context_.state.connections().find(record.id);
    const ConnectionRecord* before =
        known == context_.state.connections().end() ? nullptr : &known->second;
    const bool same_ends = before != nullptr &&
                           before->from.incarnation == record.from.incarnation &&
                           before->to.incarnation == record.to.incarnation;
    if (!connecting.step->new_epoch && same_ends && !before->key.empty()) {
        if (before->turned_at == turn_unfinished && !before->turning) {
            return tl::make_unexpected(Turning::unfinished(record));
        }
        record.epoch = before->epoch;
        record.key = before->key;
        record.turn = before->turn;
        record.key_before = before->key_before;
        record.turned_at = before->turned_at;
        record.replies_turned_at = before->replies_turned_at;
        record.turning = before->turning;
        record.keyed_at_us = before->keyed_at_us;
        record.next_counter = before->next_counter;
        record.pending = before->pending;
        record.window_open_since_us = before->window_open_since_us;
        record.complete = false;
        change.connections.push_back(record);
        return true;
    }
    record.keyed_at_us = now_us();
    // Where the state knows none, the step has what nodes know.
    record.epoch = (before == nullptr ? record.epoch : before->epoch) + 1;
    if (record.given_key) {
        const crypto::Hash digest = crypto::sha256(record.key.view());
        Expected<bool> used = context_.state.key_used(digest);
        const bool twice = std::find(change.used_keys.begin(), change.used_keys.end(), digest) !=
                           change.used_keys.end();
        if (!used) {
            return used;
        }
        if (*used || twice) {
            return failure("key-used",
                           fmt::format("the `key` of connection {} was used before; under a key "
                                       "that is used twice, messages can be read and forged",
                                       record.name),
                           "give the connection another key in the descriptor");
        }
        change.used_keys.push_back(digest);
    } else {
        record.key = fresh_key(context_.outside);
    }
    change.connections.push_back(record);
    return true;
}

/// Routes come before keys: what a source sends at once finds its way.
void Engine::set_routes(std::vector<Connecting>& all) {
    struct Routing {
        Connecting* connecting = nullptr;
        std::string node;
        Expected<v1::ConnectReply> result;
    };
    std::vector<Routing> routings;
    for (Connecting& each : all) {
        for (const std::string& node : nodes_of(each.record)) {
            routings.push_back({.connecting = &each, .node = node});
        }
    }
    std::vector<std::function<void()>> work;
    for (Routing& routing : routings) {
        work.emplace_back([&] {
            routing.result =
                context_.nodes.at(routing.node)
                    ->connect(route_on(
                        routing.connecting->record, routing.node, context_.state.deployment()));
        });
    }
    context_.outside.executor->run(std::move(work));
    for (const Routing& routing : routings) {
        if (!routing.result) {
            routing.connecting->problem = routing.result.error();
        }
    }
}

/// What both ends of every connection are told, by module: destinations first.
Engine::Asking Engine::order_ends(std::vector<Connecting>& all, std::vector<ModuleOrders>& orders) {
    Asking asking;
    for (const wire::Role role : {wire::Role::destination, wire::Role::source}) {
        for (Connecting& each : all) {
            const EndRecord& end = role == wire::Role::source ? each.record.from : each.record.to;
            if (end.module.empty()) {
                continue;
            }
            ModuleOrders& module = orders_of(orders, end.module);
            module.messages.push_back(set_connection(each.record, role));
            module.first_turn += role == wire::Role::destination ? 1 : 0;
            asking[end.module].push_back(&each);
        }
    }
    return asking;
}

void Engine::take_answers(const std::vector<ModuleOrders>& orders, Asking& asking, int turn) {
    for (const ModuleOrders& each : orders) {
        const std::size_t begin = turn == 0 ? 0 : each.first_turn;
        const std::size_t end = turn == 0 ? each.first_turn : each.messages.size();
        for (std::size_t i = begin; i < end; ++i) {
            Connecting& connecting = *asking.at(each.module)[i];
            if (!connecting.problem && !each.answers[i]) {
                connecting.problem = each.answers[i].error();
            }
        }
    }
}

/// Both ends drop their keys, as far as they have any, and then the nodes their routes.
void Engine::disconnect(const Steps& steps) {
    if (steps.empty()) {
        return;
    }
    Problems problems;
    Change change;
    remove_ends(steps, problems, change);
    remove_routes(steps, problems);
    for (const Step* step : steps) {
        const auto problem = problems.find(step);
        if (problem != problems.end()) {
            failed(*step, problem->second);
            continue;
        }
        change.erased_connections.push_back(step->connection->id);
        Report(context_.reporter, step->shown.action, step->shown.subject, step->shown.node).done();
        done(*step);
    }
    commit(change);
}

void Engine::remove_ends(const Steps& steps, Problems& problems, Change& change) {
    std::vector<ModuleOrders> orders;
    std::map<std::string, Steps> asking; // in the order of the messages
    for (const Step* step : steps) {
        for (const EndRecord* end : {&step->connection->from, &step->connection->to}) {
            if (has_channel(*end)) {
                wire::ControlMessage message;
                message.type = wire::ControlType::remove_connection;
                message.connection.channel = step->connection->id;
                orders_of(orders, end->module).messages.push_back(message);
                asking[end->module].push_back(step);
            }
        }
    }
    const Expected<bool> given =
        give_orders({context_.state, context_.nodes, *context_.outside.executor}, {}, orders);
    for (ModuleOrders& each : orders) {
        for (std::size_t i = 0; i < each.messages.size(); ++i) {
            const Step* step = asking.at(each.module)[i];
            if (!given) {
                problems.emplace(step, given.error());
            } else if (!each.answers[i]) {
                problems.emplace(step, each.answers[i].error());
            }
        }
        if (given) {
            change.modules.push_back(std::move(each.record));
        }
    }
}

void Engine::remove_routes(const Steps& steps, Problems& problems) {
    struct Routing {
        const Step* step = nullptr;
        std::string node;
        Expected<v1::DisconnectReply> result;
    };
    std::vector<Routing> routings;
    for (const Step* step : steps) {
        for (const std::string& node : nodes_of(*step->connection)) {
            const auto view = context_.survey.find(node);
            const bool usable = view != context_.survey.end() && view->second.usable();
            if (!problems.contains(step) && usable) {
                routings.push_back({.step = step, .node = node});
            }
        }
    }
    std::vector<std::function<void()>> work;
    for (Routing& routing : routings) {
        work.emplace_back([&] {
            v1::DisconnectRequest request;
            request.set_deployment(context_.state.deployment());
            request.set_channel(routing.step->connection->id);
            routing.result = context_.nodes.at(routing.node)->disconnect(request);
        });
    }
    context_.outside.executor->run(std::move(work));
    for (const Routing& routing : routings) {
        if (!routing.result) {
            problems.emplace(routing.step, routing.result.error());
        }
    }
}

} // namespace authex::deployer
