#include "deployer/turning.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deployer/connection_messages.hpp"
#include "deployer/engine.hpp"
#include "deployer/single_orders.hpp"

namespace authex::deployer {

std::string
Turning::hindrance(const ConnectionRecord& record, const State& state, const Survey& survey) {
    if (record.direct()) {
        return "it is the deployer's own";
    }
    if (record.given_key) {
        return "the descriptor gives it";
    }
    if (const EndRecord* end = end_with_one_key(record, state, survey)) {
        return fmt::format("module {} has room for one (`max: {{ keys: 1 }}`)", end->module);
    }
    return "";
}

const EndRecord* Turning::end_with_one_key(const ConnectionRecord& record,
                                           const State& state,
                                           const Survey& survey) {
    for (const EndRecord* end : {&record.from, &record.to}) {
        const ModuleRecord* module = state.module(end->module);
        const auto view = module == nullptr ? survey.end() : survey.find(module->node);
        if (view != survey.end() && view->second.tee == "sancus" && !module->layout.turns) {
            return end;
        }
    }
    return nullptr;
}

Diagnostic Turning::unfinished(const ConnectionRecord& record) {
    return make_error("turn-unfinished",
                      fmt::format("the key of connection {} is being turned", record.name),
                      "run authex up again: it finishes that first");
}

Turning::Result Turning::run(const std::vector<std::uint16_t>& connections) {
    for (const std::uint16_t id : connections) {
        const ConnectionRecord& record = context_.state.connections().at(id);
        const bool settled = record.complete && !record.turning &&
                             record.turned_at != turn_unfinished && lives(record.from) &&
                             lives(record.to);
        if (settled) {
            turning_.emplace(id, record);
        }
    }
    look();
    Change change;
    for (auto& [id, record] : turning_) {
        record.key_before = record.key;
        record.key = fresh_key(context_.outside);
        ++record.turn;
        record.turned_at = turn_unfinished;
        record.replies_turned_at = turn_unfinished;
        record.keyed_at_us = unix_time_us(context_.outside);
        change.connections.push_back(record);
    }
    const Expected<bool> kept = context_.state.commit(change);
    if (!kept) {
        for (const auto& [id, record] : turning_) {
            result_.problems.emplace(id, kept.error());
        }
        return std::move(result_);
    }
    tell_all();
    return std::move(result_);
}

void Turning::finish() {
    for (const auto& [id, record] : context_.state.connections()) {
        if (record.complete && record.turned_at == turn_unfinished && !record.turning &&
            lives(record.from) && lives(record.to)) {
            turning_.emplace(id, record);
        }
    }
    tell_all();
}

bool Turning::lives(const EndRecord& end) const {
    const ModuleRecord* module = context_.state.module(end.module);
    if (module == nullptr || module->attested_at_us == 0 ||
        module->incarnation != end.incarnation || module->waits_for_state()) {
        return false;
    }
    const auto view = context_.survey.find(module->node);
    const v1::ModuleStatus* status = view == context_.survey.end() || !view->second.usable()
                                         ? nullptr
                                         : view->second.module(end.module);
    return status != nullptr && status->state() == v1::ModuleStatus::RUNNING &&
           process_of(view->second, *status) == module->process;
}

/// Those are left for another time on which something waits under the key before the present one.
void Turning::look() {
    for (auto each = turning_.begin(); each != turning_.end();) {
        if (each->second.turn == 0 || has_arrived(each->second)) {
            ++each;
            continue;
        }
        result_.problems.emplace(
            each->first,
            make_error("events-wait",
                       fmt::format("connection {} has not delivered what it had when its key was "
                                   "turned last",
                                   each->second.name),
                       "see authex status; the key can be turned again when it has"));
        each = turning_.erase(each);
    }
}

bool Turning::has_arrived(const ConnectionRecord& record) {
    const auto audit_of = [&](const std::string& module) -> const std::vector<wire::AuditEntry>& {
        if (!audits_.contains(module)) {
            const auto answered = order_one(context_, module, {simple(wire::ControlType::audit)});
            auto& audit = audits_[module];
            if (answered && parse_audit((*answered)[0].data, audit) != Error::none) {
                audit.clear();
            }
        }
        return audits_.at(module);
    };
    const auto* from = entry_of(audit_of(record.from.module), record, wire::Role::source);
    const auto* to = entry_of(audit_of(record.to.module), record, wire::Role::destination);
    return from != nullptr && to != nullptr && to->expected >= record.turned_at &&
           (!record.request || from->expected >= record.replies_turned_at);
}

/// Whoever opens has the key before the other seals under it. Events are sealed by the source
/// alone, replies by the destination.
void Turning::tell_all() {
    tell(Told::to_open, wire::Role::source);
    tell(Told::to_seal, wire::Role::destination);
    tell(Told::to_seal, wire::Role::source);
    Change change;
    for (auto& [id, record] : turning_) {
        if (!result_.problems.contains(id)) {
            change.connections.push_back(record);
            result_.turned.insert(id);
        }
    }
    const Expected<bool> kept = context_.state.commit(change);
    if (!kept) {
        for (const auto& [id, record] : turning_) {
            result_.problems.emplace(id, kept.error());
        }
        result_.turned.clear();
    }
}

void Turning::tell(Told told, wire::Role role) {
    const bool at_source = role == wire::Role::source;
    std::map<std::string, std::vector<std::uint16_t>> about;
    for (const auto& [id, record] : turning_) {
        const bool nothing_to_open = told == Told::to_open && !record.request;
        if (!nothing_to_open && !result_.problems.contains(id)) {
            about[at_source ? record.from.module : record.to.module].push_back(id);
        }
    }
    for (const auto& [module, ids] : about) {
        std::vector<wire::ControlMessage> messages;
        for (const std::uint16_t id : ids) {
            messages.push_back(turn_key(turning_.at(id), role, told == Told::to_seal));
        }
        const auto answers = order_one(context_, module, std::move(messages));
        for (std::size_t i = 0; i < ids.size(); ++i) {
            ConnectionRecord& record = turning_.at(ids[i]);
            if (!answers) {
                result_.problems.emplace(ids[i], answers.error());
            } else if (told == Told::to_seal) {
                (at_source ? record.turned_at : record.replies_turned_at) =
                    Reader((*answers)[i].data).u64();
            }
        }
    }
}

} // namespace authex::deployer
