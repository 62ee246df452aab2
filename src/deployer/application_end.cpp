// Disabled, reset, taken down.
#include <set>

#include <fmt/format.h>

#include "deployer/orders.hpp"
#include "deployer/owned_application.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

Expected<v1::ResetReply> empty_node(Node& node, std::uint16_t deployment, const std::string& name) {
    v1::HelloRequest hello;
    hello.set_deployment(deployment);
    hello.set_application(name);
    hello.add_protocol_versions(wire::protocol_version);
    const auto greeting = node.hello(hello);
    if (!greeting) {
        return tl::make_unexpected(greeting.error());
    }
    v1::ResetRequest request;
    request.set_deployment(deployment);
    return node.reset(request);
}

/// Forgets what is on other nodes than these.
Change all_but(const State& state, const std::set<std::string>& kept) {
    Change change;
    for (const auto& [name, module] : state.modules()) {
        if (!kept.contains(module.node)) {
            change.erased_modules.push_back(name);
        }
    }
    for (const auto& [id, connection] : state.connections()) {
        if (!kept.contains(connection.source_node) && !kept.contains(connection.destination_node)) {
            change.erased_connections.push_back(id);
        }
    }
    for (const auto& [name, periodic] : state.periodic()) {
        if (!kept.contains(periodic.node)) {
            change.erased_periodic.push_back(name);
        }
    }
    return change;
}

} // namespace

Outcome<bool> OwnedApplication::disable(const std::string& module) {
    if (const auto may = no_delegates(); !may) {
        return failed(may.error());
    }
    if (descriptor_.find_module(module) == nullptr) {
        return failed(
            make_error("unknown-module", fmt::format("the descriptor has no module {}", module)));
    }
    auto state = open_to_change();
    if (!state) {
        return failed(state.error());
    }
    const ModuleRecord* record = (*state)->module(module);
    if (record == nullptr) {
        return failed(make_error("not-deployed",
                                 fmt::format("module {} was never deployed", module),
                                 "there is nothing to disable"));
    }
    Report report(reporter_, "disable", module, record->node);
    ModuleRecord after = *record;
    const Expected<bool> told = tell_disabled(**state, after);
    after.disabled = true;
    Change change;
    for (const auto& [id, connection] : (*state)->connections()) {
        if (connection.from.module == module || connection.to.module == module) {
            ConnectionRecord& dropped = change.connections.emplace_back(connection);
            dropped.complete = false;
            dropped.window_open_since_us = 0;
            if (told) {
                dropped.key = Secret(); // else its peers are told
                dropped.key_before = Secret();
            }
        }
    }
    change.modules.push_back(std::move(after));
    const Expected<bool> kept = (*state)->commit(change);
    state->reset();
    if (!kept) {
        report.failed(kept.error().summary);
        return failed(kept.error());
    }
    told ? report.done() : report.failed(told.error().summary);
    return told ? Outcome<bool>(true) : disable_from_afar(module, told.error());
}

/// @param record of the module; with the counters that are used then
Expected<bool> OwnedApplication::tell_disabled(State& state, ModuleRecord& record) {
    if (record.attested_at_us == 0) {
        return failure("not-attested",
                       fmt::format("module {} is not attested: there is no channel on which it "
                                   "could be told",
                                   record.name));
    }
    const auto node = node_of(record.node);
    if (!node) {
        return tl::make_unexpected(node.error());
    }
    wire::ControlMessage message;
    message.type = wire::ControlType::disable;
    std::vector<ModuleOrders> orders{{.module = record.name, .messages = {message}}};
    const Expected<bool> given = give_orders({state, nodes_, *outside_.executor}, {}, orders);
    if (!given) {
        return given;
    }
    record = std::move(orders[0].record);
    return orders[0].answers[0] ? Expected<bool>(true)
                                : tl::make_unexpected(orders[0].answers[0].error());
}

/// It could not be told: its peers are.
Outcome<bool> OwnedApplication::disable_from_afar(const std::string& module, Diagnostic why) {
    Engine::Result result{.done = {}, .errors = {}, .outdated = false, .quarantined = {module}};
    cut_off(result);
    if (!result.errors.empty()) {
        return tl::make_unexpected(std::move(result.errors));
    }
    why.severity = Severity::warning;
    why.code = "module-not-told";
    why.summary = fmt::format(
        "module {} itself could not be told: {}; all others have dropped its connections",
        module,
        why.summary);
    why.fix = "none takes anything from it any more, whatever it still sends";
    warn(why);
    return true;
}

/// Every node of the descriptor, and those that the state knows beside.
std::vector<OwnedApplication::Emptying> OwnedApplication::reset_nodes(const State& state) {
    std::vector<Emptying> all;
    for (const descriptor::Node& node : descriptor_.nodes) {
        all.push_back({.node = node.name, .address = to_string(node.address)});
    }
    for (const auto& [name, record] : state.nodes()) {
        if (descriptor_.find_node(name) == nullptr) {
            all.push_back({.node = name, .address = record.address});
        }
    }
    std::vector<std::function<void()>> work;
    for (Emptying& each : all) {
        std::shared_ptr<Node>& node = nodes_[each.node];
        if (node == nullptr) {
            auto reached = outside_.reach(each.node, each.address);
            if (!reached) {
                each.result = tl::make_unexpected(reached.error());
                continue;
            }
            node = std::move(*reached);
        }
        work.emplace_back([&, &target = *node] {
            Report report(reporter_, "reset", each.node, each.node);
            each.result = empty_node(target, state.deployment(), descriptor_.application);
            each.result ? report.done(fmt::format("{} modules, {} connections",
                                                  each.result->modules(),
                                                  each.result->connections()))
                        : report.failed(each.result.error().summary);
        });
    }
    outside_.executor->run(std::move(work));
    return all;
}

Outcome<Plan> OwnedApplication::empty_nodes(State& state) {
    Plan done;
    Errors errors;
    std::set<std::string> kept; // nodes that may still have something
    for (const Emptying& each : reset_nodes(state)) {
        if (each.result) {
            done.steps.push_back({.phase = Phase::remove,
                                  .action = "reset",
                                  .subject = each.node,
                                  .node = each.node,
                                  .reason = "asked for"});
        } else if (descriptor_.find_node(each.node) != nullptr) {
            kept.insert(each.node);
            errors.push_back(each.result.error());
        } else {
            Diagnostic warning = each.result.error();
            warning.severity = Severity::warning;
            warning.detail = "the descriptor does not name it any more: it is forgotten";
            warn(warning);
        }
    }
    const Expected<bool> forgotten = state.commit(all_but(state, kept));
    if (!forgotten) {
        errors.push_back(forgotten.error());
    }
    if (!errors.empty()) {
        return tl::make_unexpected(std::move(errors));
    }
    return done;
}

/// An owner who never deployed has nothing to empty; a guest asks the nodes what there is.
Expected<std::unique_ptr<State>> OwnedApplication::open_to_empty() {
    if (const auto may = no_delegates(); !may) {
        return tl::make_unexpected(may.error());
    }
    return outside_.has_owner_key ? outside_.open_state(StateUse::change) : open_to_change();
}

Outcome<Plan> OwnedApplication::reset() {
    auto state = open_to_empty();
    if (!state) {
        return failed(state.error());
    }
    return (*state)->deployment() == 0 ? Outcome<Plan>(Plan{}) : empty_nodes(**state);
}

Outcome<Plan> OwnedApplication::down() {
    auto state = open_to_empty();
    if (!state) {
        return failed(state.error());
    }
    if ((*state)->deployment() == 0) {
        return Plan{};
    }
    auto emptied = empty_nodes(**state);
    if (emptied) {
        const Expected<bool> forgotten = (*state)->set_deployment(0);
        if (!forgotten) {
            return failed(forgotten.error());
        }
    }
    return emptied;
}

} // namespace authex::deployer
