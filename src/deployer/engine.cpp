// Phases, and what all of them need.
#include "deployer/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deployer/handover.hpp"
#include "deployer/restoring.hpp"
#include "deployer/turning.hpp"

namespace authex::deployer {

Engine::Result Engine::run(const Work& work) {
    remember_nodes();
    Turning(context_).finish();
    (void)finish_handovers();
    std::map<Phase, Steps> phases;
    for (const Step& step : work.steps) {
        phases[step.shown.phase].push_back(&step);
    }
    for (const auto& [phase, steps] : phases) {
        if (phase > Phase::configure) {
            restore();
        }
        switch (phase) {
        case Phase::remove:
            remove(steps);
            break;
        case Phase::load:
            load(steps);
            break;
        case Phase::attest:
            attest(steps);
            Turning(context_).finish();
            (void)finish_handovers(); // modules that had to be attested for it
            break;
        case Phase::cut_off:
            cut_off(steps);
            break;
        case Phase::configure:
            configure(steps);
            break;
        case Phase::update:
            update(steps);
            break;
        case Phase::connect_inner:
        case Phase::connect_outputs:
        case Phase::connect_inputs:
        case Phase::connect_direct:
            connect(steps);
            break;
        case Phase::turn_keys:
            turn_keys(steps);
            break;
        case Phase::register_periodic:
            register_periodic(steps);
            break;
        }
    }
    restore();
    go_on(waiting_);
    for (Diagnostic& problem : finish_handovers()) {
        result_.errors.push_back(std::move(problem));
    }
    forget_nodes();
    return std::move(result_);
}

/// Once, when all is attested and configured, and before anything is keyed anew.
void Engine::restore() {
    if (std::exchange(restored_, true)) {
        return;
    }
    Restoring::Result result = Restoring(context_).run();
    for (Diagnostic& problem : result.errors) {
        result_.errors.push_back(std::move(problem));
    }
    for (const std::string& module : result.restored) {
        Report(context_.reporter, "restore", module, context_.state.module(module)->node).done();
    }
    continued_ = std::move(result.continued);
    waiting_ = std::move(result.waiting);
    broken_.insert(waiting_.begin(), waiting_.end());
    // Others begin; these go on when all is keyed.
    std::set<std::string> later = waiting_;
    later.insert(result.restored.begin(), result.restored.end());
    go_on(later);
}

void Engine::turn_keys(const Steps& steps) {
    std::vector<std::uint16_t> ids;
    for (const Step* step : steps) {
        ids.push_back(step->connection->id);
    }
    const Turning::Result result = Turning(context_).run(ids);
    for (const Step* step : steps) {
        const std::uint16_t id = step->connection->id;
        const auto problem = result.problems.find(id);
        if (problem != result.problems.end()) {
            failed(*step, problem->second);
        } else if (result.turned.contains(id)) {
            Report(context_.reporter, step->shown.action, step->shown.subject, step->shown.node)
                .done(fmt::format("key {}", context_.state.connections().at(id).turn));
            done(*step);
        }
    }
}

void Engine::go_on(const std::set<std::string>& except) {
    for (Diagnostic& problem : Restoring(context_).go_on(except)) {
        result_.errors.push_back(std::move(problem));
    }
}

/// What a deployer that was killed, or a node that was away, has left unfinished.
/// @return why it is not finished yet
std::vector<Diagnostic> Engine::finish_handovers() {
    std::vector<ModuleRecord> left;
    for (const auto& [name, record] : context_.state.modules()) {
        if (!record.instance_of.empty() && !coming_.contains(name)) {
            left.push_back(record);
        }
    }
    std::vector<Diagnostic> problems;
    Handover handover(context_);
    for (const ModuleRecord& record : left) {
        const Expected<bool> finished =
            record.going ? handover.roll_forward(record.name) : handover.roll_back(record.name);
        if (!finished) {
            problems.push_back(finished.error());
        }
    }
    return problems;
}

/// One after the other, so that at most one module waits.
void Engine::update(const Steps& steps) {
    Handover handover(context_);
    for (const Step* step : steps) {
        const ModuleRecord* next = context_.state.module(step->instance);
        if (broken_.contains(step->instance) || next == nullptr || next->attested_at_us == 0) {
            broken_.insert(step->shown.subject);
            skip(*step, "the instance before goes on");
            if (next != nullptr) {
                (void)handover.roll_back(step->instance);
            }
            continue;
        }
        Report report(context_.reporter, step->shown.action, step->shown.subject, step->shown.node);
        const auto handed = handover.run(step->shown.subject, step->instance);
        if (!handed) {
            // What was planned is for the next instance.
            broken_.insert(step->shown.subject);
            report.failed(handed.error().summary);
            result_.errors.push_back(handed.error());
            continue;
        }
        report.done(fmt::format("{}; events waited for {:.1f} ms",
                                step->shown.reason,
                                static_cast<double>(handed->count()) / 1000));
        done(*step);
    }
}

/// The evidence key of a node that was never met is pinned before anything is believed.
void Engine::remember_nodes() {
    Change change;
    for (const descriptor::Node& node : context_.descriptor.nodes) {
        const NodeView& view = context_.survey.at(node.name);
        const NodeRecord* known = context_.state.node(node.name);
        if (!view.usable()) {
            continue;
        }
        NodeRecord record{
            .name = node.name,
            .address = view.address,
            .tee = view.tee,
            .node_id = view.hello.node_id(),
            .evidence_key = {view.hello.evidence_key().begin(), view.hello.evidence_key().end()}};
        if (known == nullptr || known->address != record.address ||
            known->node_id != record.node_id || known->evidence_key.empty()) {
            change.nodes.push_back(std::move(record));
        }
    }
    commit(change);
}

/// Nodes that the descriptor does not name, once nothing is left there.
void Engine::forget_nodes() {
    Change change;
    for (const auto& [name, record] : context_.state.nodes()) {
        const auto& modules = context_.state.modules();
        const bool empty =
            std::none_of(modules.begin(), modules.end(), [&name = name](const auto& module) {
                return module.second.node == name;
            });
        if (context_.descriptor.find_node(name) == nullptr && empty) {
            change.erased_nodes.push_back(name);
        }
    }
    commit(change);
}

void Engine::remove(const Steps& steps) {
    const auto of = [&](const char* action) {
        Steps some;
        std::copy_if(steps.begin(), steps.end(), std::back_inserter(some), [&](const Step* step) {
            return step->shown.action == action;
        });
        return some;
    };
    unregister(of("unregister"));
    disconnect(of("disconnect"));
    remove_modules(of("remove"));
}

void Engine::unregister(const Steps& steps) {
    std::vector<Expected<bool>> results(steps.size(), true);
    std::vector<std::function<void()>> work;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PlannedStep& shown = steps[i]->shown;
        if (!context_.survey.contains(shown.node) || !context_.survey.at(shown.node).usable()) {
            continue; // the node is gone, and its periodic events with it
        }
        work.emplace_back([&, i] {
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            v1::UnregisterRequest request;
            request.set_deployment(context_.state.deployment());
            request.set_name(shown.subject);
            const auto reply = context_.nodes.at(shown.node)->unregister_periodic(request);
            if (!reply && reply.error().code != "unknown-periodic") {
                results[i] = tl::make_unexpected(reply.error());
                report.failed(reply.error().summary);
            } else {
                report.done();
            }
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PlannedStep& shown = steps[i]->shown;
        if (!results[i]) {
            result_.errors.push_back(results[i].error());
            continue;
        }
        const auto known = context_.state.periodic().find(shown.subject);
        if (known != context_.state.periodic().end() && known->second.node == shown.node) {
            change.erased_periodic.push_back(shown.subject);
        }
        done(*steps[i]);
    }
    commit(change);
}

void Engine::register_periodic(const Steps& steps) {
    std::vector<Expected<v1::RegisterReply>> results(steps.size());
    std::vector<std::function<void()>> work;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PeriodicRecord& wanted = *steps[i]->periodic;
        if (broken_.contains(wanted.module)) {
            continue;
        }
        work.emplace_back([&, i] {
            const PlannedStep& shown = steps[i]->shown;
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            v1::RegisterRequest request;
            request.set_deployment(context_.state.deployment());
            request.set_name(wanted.name);
            request.set_module(wanted.module);
            request.set_entry(wanted.entry);
            request.set_every_us(wanted.every_us);
            results[i] = context_.nodes.at(wanted.node)->register_periodic(request);
            results[i] ? report.done() : report.failed(results[i].error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PeriodicRecord& wanted = *steps[i]->periodic;
        if (broken_.contains(wanted.module)) {
            skip(*steps[i], fmt::format("module {} is not there", wanted.module));
        } else if (!results[i]) {
            result_.errors.push_back(results[i].error());
        } else {
            change.periodic.push_back(wanted);
            done(*steps[i]);
        }
    }
    commit(change);
}

void Engine::failed(const Step& step, const Diagnostic& problem) {
    Report(context_.reporter, step.shown.action, step.shown.subject, step.shown.node)
        .failed(problem.summary);
    result_.errors.push_back(problem);
}

void Engine::skip(const Step& step, const std::string& why) {
    Report(context_.reporter, step.shown.action, step.shown.subject, step.shown.node)
        .failed("not done: " + why);
}

bool Engine::commit(const Change& change) {
    const Expected<bool> kept = context_.state.commit(change);
    if (!kept) {
        result_.errors.push_back(kept.error());
    }
    return kept.has_value();
}

bool Engine::has_channel(const EndRecord& end) const {
    const ModuleRecord* record = context_.state.module(end.module);
    if (record == nullptr || record->attested_at_us == 0 ||
        record->incarnation != end.incarnation || ended_.contains(end.module)) {
        return false;
    }
    const auto view = context_.survey.find(record->node);
    if (view == context_.survey.end() || !view->second.usable()) {
        return false;
    }
    const v1::ModuleStatus* status = view->second.module(end.module);
    return status != nullptr && status->state() == v1::ModuleStatus::RUNNING &&
           process_of(view->second, *status) == record->process;
}

std::uint64_t Engine::now_us() const {
    return unix_time_us(context_.outside);
}

} // namespace authex::deployer
