// Modules are attested, and what they say of their connections is compared with what is known.
#include <algorithm>

#include <fmt/format.h>

#include "deployer/attest.hpp"
#include "deployer/engine.hpp"
#include "deployer/state_copy.hpp"

namespace authex::deployer {
namespace {

/// The record as the change will have it: begun from the state's, or a new one.
ConnectionRecord& changing(Change& change, const State& state, std::uint16_t id) {
    const auto begun = std::find_if(change.connections.begin(),
                                    change.connections.end(),
                                    [id](const auto& record) { return record.id == id; });
    if (begun != change.connections.end()) {
        return *begun;
    }
    const auto known = state.connections().find(id);
    change.connections.push_back(known == state.connections().end() ? ConnectionRecord{.id = id}
                                                                    : known->second);
    return change.connections.back();
}

bool is_there(const std::vector<wire::AuditEntry>& audit,
              const ConnectionRecord& connection,
              const EndRecord& end) {
    return std::any_of(audit.begin(), audit.end(), [&](const wire::AuditEntry& entry) {
        return entry.channel == connection.id && entry.epoch == connection.epoch &&
               entry.endpoint == end.id;
    });
}

const wire::AuditEntry* newer_than_known(const std::vector<wire::AuditEntry>& audit,
                                         const ConnectionRecord& connection) {
    const auto found = std::find_if(audit.begin(), audit.end(), [&](const auto& entry) {
        return entry.channel == connection.id && entry.epoch > connection.epoch;
    });
    return found == audit.end() ? nullptr : &*found;
}

/// Whether the key of the connection was not made here, so that another deployer may have made a
/// newer one.                                                                    (state_copy.hpp)
bool is_of_a_copy(const ConnectionRecord& connection) {
    return connection.key.empty() || connection.given_key;
}

/// What the module's own part of the evidence must show.
tee::Expectation expectation_of(const descriptor::Module& module,
                                const descriptor::Node& node,
                                const ModuleRecord* record) {
    tee::Expectation expectation;
    if (module.external) {
        expectation.identity.assign(module.external->identity.begin(),
                                    module.external->identity.end());
    } else if (record != nullptr) {
        expectation.identity = record->identity;
        const ByteView key = record->module_key.view();
        expectation.module_key.assign(key.begin(), key.end());
    }
    if (module.external && node.tee == descriptor::Tee::sancus) {
        expectation.module_key.assign(module.external->key.begin(), module.external->key.end());
    }
    return expectation;
}

/// A key that was computed from the wrong vendor key is as good as none. Where it is loaded again,
/// it is computed anew.
void forget_key(const std::string& module, const State& state, Change& change) {
    const ModuleRecord* known = state.module(module);
    if (known != nullptr && !known->module_key.empty()) {
        change.modules.push_back(*known);
        change.modules.back().module_key = Secret();
    }
}

/// The endpoints through which its certificates get evidence.
std::vector<std::uint16_t> servers_of(const ModuleRecord& module) {
    std::vector<std::uint16_t> servers;
    for (const descriptor::Endpoint& endpoint : module.endpoints) {
        if (endpoint.kind == descriptor::EndpointKind::evidence) {
            servers.push_back(endpoint.id);
        }
    }
    return servers;
}

} // namespace

void Engine::attest(const Steps& steps) {
    struct Attesting {
        const Step* step = nullptr;
        AttestInput input;
        Expected<Attested> result;
    };
    std::vector<Attesting> all;
    for (const Step* step : steps) {
        const std::string& name = step->record();
        const descriptor::Module* module = context_.descriptor.find_module(step->shown.subject);
        const descriptor::Node* node = context_.descriptor.find_node(step->shown.node);
        const ModuleRecord* record = context_.state.module(name);
        const NodeRecord* met = context_.state.node(node->name);
        if (broken_.contains(name) || met == nullptr) {
            broken_.insert(name);
            skip(*step, "it was not loaded");
            continue;
        }
        Attesting attesting{.step = step};
        AttestInput& input = attesting.input;
        input.module = name;
        input.deployment = context_.state.deployment();
        input.owner = &context_.outside.owner;
        input.verifier = context_.outside.verifier(node->tee);
        input.expectation = expectation_of(*module, *node, record);
        input.expectation.simulated = context_.survey.at(node->name).hello.simulated() ||
                                      (record != nullptr && record->simulated);
        input.expectation.evidence_key = met->evidence_key;
        input.expectation.simulation_allowed = context_.descriptor.simulation_allowed;
        if (record != nullptr && node->tee == descriptor::Tee::sgx) {
            input.servers = servers_of(*record);
        }
        context_.outside.random(input.ephemeral);
        context_.outside.random(input.module_entropy);
        all.push_back(std::move(attesting));
    }
    std::vector<std::function<void()>> work;
    for (Attesting& attesting : all) {
        work.emplace_back([&] {
            const PlannedStep& shown = attesting.step->shown;
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            attesting.result = deployer::attest(attesting.input, *context_.nodes.at(shown.node));
            attesting.result ? report.done(attesting.result->claims.text)
                             : report.failed(attesting.result.error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    change.urgent = false; // keys that are lost with it were never used again
    for (Attesting& attesting : all) {
        wipe(attesting.input.ephemeral);
        wipe(attesting.input.module_entropy);
        wipe(attesting.input.expectation.module_key);
        if (attesting.result) {
            accept(*attesting.step, std::move(*attesting.result), change);
        } else {
            broken_.insert(attesting.step->record());
            Diagnostic problem = attesting.result.error();
            if (problem.code.starts_with("evidence-")) {
                problem.where =
                    context_.descriptor.find_module(attesting.step->shown.subject)->where;
                forget_key(attesting.step->record(), context_.state, change);
            }
            refuse(*attesting.step, problem, change);
        }
    }
    commit(change);
}

/// The module is the owner's and this is its channel: what follows for the state.
void Engine::accept(const Step& step, Attested&& attested, Change& change) {
    const PlannedStep& shown = step.shown;
    result_.done.attestations.push_back(
        {.module = shown.subject,
         .node = shown.node,
         .tee = std::string(to_string(context_.descriptor.find_node(shown.node)->tee)),
         .claims = attested.claims});
    if (is_superseded(step, attested)) {
        broken_.insert(step.record());
        forget_channel(step.record(), change);
        return;
    }
    take_attested(step, std::move(attested), change);
    done(step);
}

/// A connection has a newer key than was ever made here: somebody goes on from another copy of this
/// state. Whose application it is must be decided by its owner.
bool Engine::is_superseded(const Step& step, const Attested& attested) {
    for (const auto& [id, connection] : context_.state.connections()) {
        const wire::AuditEntry* newer = newer_than_known(attested.audit, connection);
        if (newer == nullptr || is_of_a_copy(connection)) {
            continue;
        }
        result_.errors.push_back(
            superseded(step.shown.subject,
                       fmt::format("connection {} is at epoch {} there, and at {} here",
                                   connection.name,
                                   newer->epoch,
                                   connection.epoch)));
        return true;
    }
    return false;
}

/// Its keys are wiped, and it is attested again whenever it is needed.
void Engine::forget_channel(const std::string& module, Change& change) {
    if (const ModuleRecord* known = context_.state.module(module)) {
        change.modules.push_back(*known);
        change.modules.back().session = Secret();
        change.modules.back().attested_at_us = 0;
    }
}

/// What a copy of the state could not know: epochs that were turned since, which the next one must
/// exceed, and connections that were made since, which are to be removed.
void Engine::take_unknown(const std::string& module,
                          const std::string& node,
                          const std::vector<wire::AuditEntry>& audit,
                          Change& change) {
    for (const wire::AuditEntry& entry : audit) {
        const auto known = context_.state.connections().find(entry.channel);
        const bool stranger = known == context_.state.connections().end();
        if (!stranger && entry.epoch <= known->second.epoch) {
            continue;
        }
        ConnectionRecord& record = changing(change, context_.state, entry.channel);
        record.epoch = std::max(record.epoch, entry.epoch);
        record.complete = false;
        record.window_open_since_us = 0;
        result_.outdated = true;
        if (!stranger) {
            record = without_key(std::move(record));
            continue;
        }
        // No name of the descriptor has a space in it.
        record.name = fmt::format("channel {}", entry.channel);
        const bool sends = entry.role == wire::Role::source;
        (sends ? record.from : record.to) = {.module = module,
                                             .endpoint = std::to_string(entry.endpoint),
                                             .id = entry.endpoint,
                                             .incarnation = 0};
        (sends ? record.source_node : record.destination_node) = node;
        if (record.destination_node.empty()) {
            record.destination_node = node;
        }
    }
}

/// A process that may be a new one: it gets the state that was kept, or begins to keep its own. An
/// instance beside the one that runs gets that one's.
void Engine::begin_keeping(const Step& step, ModuleRecord& record) const {
    const descriptor::Module* module = context_.descriptor.find_module(step.shown.subject);
    if (!module->persist) {
        record.keeping = KeepingStep::none;
        record.state_key = Secret();
        record.state_key_before = Secret();
    } else if (record.state_key.empty() || context_.afresh.contains(step.shown.subject) ||
               !step.instance.empty()) {
        record.keeping = KeepingStep::keep;
        record.state_key = fresh_key(context_.outside);
        record.state_key_before = Secret();
    } else {
        record.keeping =
            was_told_to_keep(record, step.record()) ? KeepingStep::restore : KeepingStep::look;
    }
}

/// Else nothing has gone through a connection of it: it was not told to go on.
bool Engine::was_told_to_keep(const ModuleRecord& record, const std::string& name) const {
    const ModuleRecord* known = context_.state.module(name);
    const bool in_doubt =
        record.keeping == KeepingStep::keep || record.keeping == KeepingStep::look;
    const auto& all = context_.state.connections();
    return !in_doubt || known == nullptr || !record.state_key_before.empty() ||
           std::any_of(all.begin(), all.end(), [&](const auto& each) {
               const ConnectionRecord& connection = each.second;
               const auto is_its = [&](const EndRecord& end) {
                   return end.module == name && end.incarnation == known->incarnation;
               };
               return connection.complete && (is_its(connection.from) || is_its(connection.to));
           });
}

/// A process is the one that has keys already only where it says so itself, under the new channel:
/// the node's word is not enough, for a key that is said again to a fresh process would be used
/// twice.
void Engine::take_attested(const Step& step, Attested&& attested, Change& change) {
    const std::string& name = step.record();
    const ModuleRecord* known = context_.state.module(name);
    ModuleRecord record = known == nullptr
                              ? ModuleRecord{.name = name, .on_node = context_.names.on_node(name)}
                              : *known;
    bool continues = false;
    bool lost = false;
    // A connection that outlived its module's record, in a reset that did not reach every node,
    // still names an incarnation: that number is never given to another process.
    std::uint64_t highest = record.incarnation;
    std::vector<std::uint16_t> windows;
    for (const auto& [id, connection] : context_.state.connections()) {
        for (const EndRecord* end : {&connection.from, &connection.to}) {
            highest = std::max(highest, end->module == name ? end->incarnation : 0);
            const bool ours = end->module == name && end->incarnation == record.incarnation;
            if (!ours || !connection.complete ||
                newer_than_known(attested.audit, connection) != nullptr) {
                continue;
            }
            const bool there = is_there(attested.audit, connection, *end);
            continues = continues || there;
            lost = lost || !there;
            if (end == &connection.to && connection.window_open_since_us != 0) {
                windows.push_back(id);
            }
        }
    }
    continues = continues && !lost;
    for (const std::uint16_t id : windows) {
        changing(change, context_.state, id).window_open_since_us = continues ? now_us() : 0;
    }
    record.node = step.shown.node;
    record.quarantined.clear();
    take_unknown(name, record.node, attested.audit, change);
    record.identity = attested.claims.identity;
    record.simulated = attested.claims.simulated;
    record.session = std::move(attested.session);
    record.attested_at_us = now_us();
    record.incarnation = continues ? record.incarnation : highest + 1;
    if (!continues) {
        begin_keeping(step, record);
        forget_digests(record.given);
    }
    const NodeView& view = context_.survey.at(record.node);
    const v1::ModuleStatus* status = view.module(name);
    const auto loaded = processes_.find(name);
    record.process = loaded != processes_.end() ? loaded->second
                     : status != nullptr        ? process_of(view, *status)
                                                : "";
    if (lost && known != nullptr && record.process == known->process) {
        result_.errors.push_back(make_error(
            "connections-lost",
            fmt::format("module {} has lost its connections: it is not the process that it was, "
                        "whatever its node says",
                        name),
            "run authex up again: they are keyed anew"));
    }
    change.modules.push_back(std::move(record));
}

} // namespace authex::deployer
