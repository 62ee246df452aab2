// What can be seen: nodes, modules and connections; the state itself.
#include <algorithm>

#include <fmt/format.h>

#include "deployer/orders.hpp"
#include "deployer/owned_application.hpp"
#include "deployer/restoring.hpp"

namespace authex::deployer {
namespace {

using TimePoint = std::chrono::system_clock::time_point;
using Audits = std::map<std::string, std::vector<wire::AuditEntry>>;

TimePoint time_of(std::uint64_t unix_us) {
    return TimePoint(std::chrono::microseconds(unix_us));
}

std::string word_of(v1::ModuleStatus::State state) {
    switch (state) {
    case v1::ModuleStatus::STARTING:
    case v1::ModuleStatus::RUNNING:
        return "running";
    case v1::ModuleStatus::STOPPED:
        return "stopped";
    case v1::ModuleStatus::FAILED:
        return "failed";
    default:
        return "absent";
    }
}

/// Whether the process that runs is the one that was attested, as far as its node says.
bool is_attested(const ModuleRecord* record, const NodeView& view, const v1::ModuleStatus* status) {
    return record != nullptr && record->attested_at_us != 0 && status != nullptr &&
           status->state() == v1::ModuleStatus::RUNNING &&
           record->process == process_of(view, *status);
}

NodeStatus node_status(const std::string& name, const NodeView& view) {
    return {.name = name,
            .tee = view.tee,
            .address = view.address,
            .reachable = view.usable(),
            .simulated = view.hello.simulated(),
            .problem = view.problem ? view.problem->summary : "",
            .spill_bytes = view.status.spill_bytes(),
            .spill_limit_bytes = view.status.spill_limit_bytes()};
}

ModuleStatus
module_status(const descriptor::Module& module, const NodeView& view, const State& state) {
    const ModuleRecord* record = state.module(module.name);
    ModuleStatus shown{.name = module.name, .node = module.node.name, .tee = view.tee};
    if (record != nullptr) {
        shown.identity = record->identity;
        shown.image_bytes = record->image_bytes;
        shown.simulated = record->simulated;
        shown.quarantined = record->quarantined;
        if (!record->state_key.empty()) {
            shown.kept = is_witnessed(*record, state) ? "witnessed" : "rollback possible";
        }
    }
    if (!shown.quarantined.empty()) {
        shown.state = "quarantined";
        return shown;
    }
    if (!view.usable()) {
        shown.state = "unknown";
        return shown;
    }
    const v1::ModuleStatus* status = view.module(module.name);
    shown.state = status == nullptr ? "absent" : word_of(status->state());
    if (status != nullptr) {
        shown.failure = status->failure();
        shown.held_up = status->held_up();
        shown.last_lines = {status->last_lines().begin(), status->last_lines().end()};
        shown.instance = status->instance();
    }
    if (is_attested(record, view, status)) {
        shown.attested_at = time_of(record->attested_at_us);
    }
    return shown;
}

/// Null: the module could not be asked, or has no such connection (then `asked`).
const wire::AuditEntry*
entry_of(const Audits& audits, const EndRecord& end, std::uint16_t channel, bool& asked) {
    const auto audit = audits.find(end.module);
    asked = audit != audits.end();
    if (!asked) {
        return nullptr;
    }
    const auto found = std::find_if(audit->second.begin(),
                                    audit->second.end(),
                                    [&](const auto& entry) { return entry.channel == channel; });
    return found == audit->second.end() ? nullptr : &*found;
}

ConnectionStatus connection_status(const descriptor::Connection& connection,
                                   const ConnectionRecord* record,
                                   const Audits& audits,
                                   const Survey& survey) {
    ConnectionStatus shown{.name = connection.name,
                           .from = connection.from ? to_string(*connection.from) : "direct",
                           .to = to_string(connection.to),
                           .encryption = std::string(descriptor::to_string(connection.algorithm)),
                           .delivery = std::string(to_string(connection.delivery)),
                           .deadline = connection.deadline};
    if (record == nullptr) {
        return shown;
    }
    shown.id = record->id;
    bool connected = record->complete;
    for (const EndRecord* end : {&record->from, &record->to}) {
        if (end->module.empty()) {
            shown.sent = record->next_counter;
            continue;
        }
        bool asked = false;
        const wire::AuditEntry* entry = entry_of(audits, *end, record->id, asked);
        connected = connected && (!asked || (entry != nullptr && entry->epoch == record->epoch));
        if (entry != nullptr) {
            (end == &record->from ? shown.sent : shown.accepted) =
                end == &record->from ? entry->sent : entry->accepted;
            shown.refused += entry->refused;
        }
    }
    for (const auto& [name, view] : survey) {
        const v1::ConnectionStatus* status = view.connection(record->id);
        shown.waiting += status == nullptr ? 0 : status->waiting_frames();
    }
    shown.epoch = connected ? record->epoch : 0;
    if (connected && record->window_open_since_us != 0) {
        shown.window_open_since = time_of(record->window_open_since_us);
    }
    return shown;
}

/// Every attested module is asked over its own channel what it has sent and taken.
Expected<Audits> audit(State& state, Nodes& nodes, Executor& executor, const Survey& survey) {
    std::vector<ModuleOrders> orders;
    wire::ControlMessage message;
    message.type = wire::ControlType::audit;
    for (const auto& [name, record] : state.modules()) {
        const auto view = survey.find(record.node);
        if (view != survey.end() && view->second.usable() &&
            is_attested(&record, view->second, view->second.module(name))) {
            orders.push_back({.module = name, .messages = {message}});
        }
    }
    Audits audits;
    if (orders.empty()) {
        return audits;
    }
    const Expected<bool> given = give_orders({state, nodes, executor}, {}, orders);
    if (!given) {
        return tl::make_unexpected(given.error());
    }
    Change change;
    for (ModuleOrders& each : orders) {
        std::vector<wire::AuditEntry> entries;
        const Expected<OrderAnswer>& answer = each.answers[0];
        if (answer && parse_audit(answer->data, entries) == Error::none) {
            audits[each.module] = std::move(entries);
            continue;
        }
        if (each.record.attested_at_us == 0) {
            audits[each.module] = {}; // it does not know its keys any more, so it has none
        }
        change.modules.push_back(std::move(each.record));
    }
    const Expected<bool> kept = state.commit(change);
    return kept ? Expected<Audits>(std::move(audits)) : tl::make_unexpected(kept.error());
}

} // namespace

Outcome<Status> OwnedApplication::status() {
    auto state = open_to_change();
    const bool looks = !state && state.error().code == "state-delegated";
    if (looks) {
        Diagnostic warning = state.error();
        warning.severity = Severity::warning;
        warning.detail = "modules are not asked what they have sent and taken";
        warn(warning);
        state = outside_.open_state(StateUse::look);
    }
    if (!state) {
        return failed(state.error());
    }
    const Survey survey = ask_nodes(descriptor_, **state, outside_, nodes_, reporter_);
    Report report(reporter_, "audit", "modules", "", Report::Kind::aside);
    const auto audits =
        looks ? Expected<Audits>(Audits()) : audit(**state, nodes_, *outside_.executor, survey);
    audits ? report.done() : report.failed(audits.error().summary);
    if (!audits) {
        return failed(audits.error());
    }
    Status status{.application = descriptor_.application};
    for (const descriptor::Node& node : descriptor_.nodes) {
        status.nodes.push_back(node_status(node.name, survey.at(node.name)));
    }
    for (const descriptor::Module& module : descriptor_.modules) {
        status.modules.push_back(module_status(module, survey.at(module.node.name), **state));
    }
    for (const descriptor::Connection& connection : descriptor_.connections) {
        status.connections.push_back(
            connection_status(connection, (*state)->connection(connection.name), *audits, survey));
    }
    return status;
}

Outcome<std::string> OwnedApplication::export_state(bool with_secrets) {
    const auto state = outside_.open_state(StateUse::look);
    if (!state) {
        return failed(state.error());
    }
    return to_json(**state, with_secrets);
}

} // namespace authex::deployer
