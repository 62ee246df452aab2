// Configuration and secrets, handed over the control channel of each module.
#include <algorithm>

#include <fmt/format.h>

#include "deployer/engine.hpp"

namespace authex::deployer {
namespace {

ByteView view_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What one module is told. Names and values are borrowed from the step and from `values`.
std::vector<wire::ControlMessage> messages_of(const Step& step,
                                              const std::vector<ModuleValue>& values) {
    std::vector<wire::ControlMessage> messages;
    // First what goes, so that what comes has room.
    for (const GivenValue& each : step.removed_values) {
        wire::ControlMessage& message = messages.emplace_back();
        message.type = wire::ControlType::remove_value;
        message.named.kind = each.secret ? wire::ValueKind::secret : wire::ValueKind::config;
        message.named.name = view_of(each.name);
    }
    for (const std::size_t index : step.set_values) {
        const ModuleValue& value = values.at(index);
        wire::ControlMessage& message = messages.emplace_back();
        message.type = wire::ControlType::set_value;
        message.named = {
            .kind = value.kind, .name = view_of(value.name), .value = value.bytes.view()};
    }
    return messages;
}

/// Of each value that is about to change, nobody knows what the module has of it.
void forget_digests(std::vector<GivenValue>& given,
                    const std::vector<wire::ControlMessage>& messages) {
    for (const wire::ControlMessage& message : messages) {
        const bool secret = message.named.kind == wire::ValueKind::secret;
        const std::string name(message.named.name.begin(), message.named.name.end());
        const auto known = std::find_if(given.begin(), given.end(), [&](const GivenValue& each) {
            return each.is(secret, name);
        });
        if (known != given.end()) {
            known->mac.clear();
        } else {
            given.push_back({.secret = secret, .name = name, .mac = {}});
        }
    }
}

Diagnostic
not_taken(const std::string& module, const wire::ControlMessage& message, const Diagnostic& why) {
    Diagnostic problem = why;
    const std::string name(message.named.name.begin(), message.named.name.end());
    problem.summary = fmt::format(
        "module {} has not taken {}: {}", module, to_string(message.named.kind, name), why.summary);
    return problem;
}

} // namespace

void Engine::configure(const Steps& steps) {
    std::vector<ModuleOrders> orders;
    std::vector<const Step*> chosen;
    Change intent;
    for (const Step* step : steps) {
        const std::string& module = step->record();
        const ModuleRecord* record = context_.state.module(module);
        if (broken_.contains(module) || record == nullptr || record->attested_at_us == 0) {
            broken_.insert(module);
            skip(*step, "it is not attested");
            continue;
        }
        orders.push_back(
            {.module = module,
             .messages = messages_of(*step, *context_.values.at(step->shown.subject))});
        chosen.push_back(step);
        ModuleRecord before = *record;
        forget_digests(before.given, orders.back().messages);
        intent.modules.push_back(std::move(before));
    }
    if (orders.empty() || !commit(intent)) {
        return;
    }
    std::vector<std::unique_ptr<Report>> reports;
    for (const Step* step : chosen) {
        reports.push_back(std::make_unique<Report>(
            context_.reporter, step->shown.action, step->shown.subject, step->shown.node));
    }
    const Expected<bool> sent =
        give_orders({context_.state, context_.nodes, *context_.outside.executor}, {}, orders);
    Change change;
    change.urgent = false; // what is lost is given again
    for (std::size_t i = 0; i < orders.size(); ++i) {
        const auto problem =
            sent ? take_given(*chosen[i], orders[i], change) : std::optional(sent.error());
        if (problem) {
            broken_.insert(orders[i].module);
            result_.errors.push_back(*problem);
            reports[i]->failed(problem->summary);
        } else {
            reports[i]->done(chosen[i]->shown.reason);
            done(*chosen[i]);
        }
    }
    commit(change);
}

std::optional<Diagnostic>
Engine::take_given(const Step& step, const ModuleOrders& orders, Change& change) {
    ModuleRecord record = orders.record;
    std::optional<Diagnostic> problem;
    for (std::size_t i = 0; i < orders.messages.size(); ++i) {
        if (!orders.answers[i]) {
            problem = not_taken(orders.module, orders.messages[i], orders.answers[i].error());
            break;
        }
    }
    if (!problem) {
        record.given.clear();
        for (const ModuleValue& value : *context_.values.at(step.shown.subject)) {
            record.given.push_back(remembered(value));
        }
    }
    change.modules.push_back(std::move(record));
    return problem;
}

} // namespace authex::deployer
