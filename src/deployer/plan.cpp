#include "deployer/plan.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deployer/image_store.hpp"
#include "deployer/instances.hpp"
#include "deployer/plan_connections.hpp"
#include "deployer/plan_periodic.hpp"
#include "deployer/plan_removals.hpp"

namespace authex::deployer {
namespace {

constexpr const char* sancus = "sancus";

bool is_alive(const v1::ModuleStatus* status) {
    return status != nullptr && (status->state() == v1::ModuleStatus::RUNNING ||
                                 status->state() == v1::ModuleStatus::STARTING);
}

bool has_image(const v1::ModuleStatus& status, const std::vector<std::uint8_t>& sha256) {
    return std::equal(sha256.begin(),
                      sha256.end(),
                      status.image_sha256().begin(),
                      status.image_sha256().end(),
                      [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

bool lies_at(const v1::ModuleStatus& status, const std::vector<std::uint8_t>& placement) {
    return std::equal(placement.begin(),
                      placement.end(),
                      status.placement().begin(),
                      status.placement().end(),
                      [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

class Planner {
  public:
    explicit Planner(const PlanInput& input)
        : input_(input), descriptor_(input.descriptor), state_(input.state),
          everything_(input.selection.modules.empty() && input.selection.connections.empty() &&
                      input.selection.periodic.empty()) {}

    Work make() {
        report_nodes();
        for (const descriptor::Module& module : descriptor_.modules) {
            plan_module(module);
        }
        plan_removals({input_, everything_, fates_}, work_);
        plan_connections({input_, everything_, fates_}, work_);
        plan_periodic({input_, everything_, fates_}, work_);
        std::stable_sort(work_.steps.begin(), work_.steps.end(), [](const Step& a, const Step& b) {
            return a.shown.phase < b.shown.phase;
        });
        return std::move(work_);
    }

  private:
    void report_nodes() {
        if (input_.selection.heal) {
            return; // whoever heals knows already
        }
        for (const auto& [name, view] : input_.survey) {
            if (view.usable()) {
                continue;
            }
            if (descriptor_.find_node(name) != nullptr) {
                work_.problems.push_back(*view.problem);
            } else {
                Diagnostic warning = *view.problem;
                warning.severity = Severity::warning;
                warning.detail = "the descriptor does not name it any more: what it may still "
                                 "have of this application is forgotten";
                work_.warnings.push_back(std::move(warning));
            }
        }
    }

    bool selected(const descriptor::Module& module) const {
        return everything_ || names(input_.selection.modules, module.name);
    }

    void plan_module(const descriptor::Module& module) {
        Fate& fate = fates_[module.name];
        const NodeView& view = input_.survey.at(module.node.name);
        if (!view.usable()) {
            fate.why = Fate::Why::node;
            return;
        }
        const ModuleRecord* record = state_.module(module.name);
        if (input_.selection.heal && !is_to_heal(module, record)) {
            fate.why = Fate::Why::other;
            return;
        }
        const bool named = names(input_.selection.modules, module.name);
        if (is_left_alone(record, named)) {
            fate.why = Fate::Why::disabled;
            warn_left_alone(*record);
            return;
        }
        if (is_left_behind(module, record)) {
            fate.why = Fate::Why::other;
            report_left_behind(*record);
            return;
        }
        plan_load(module, record, view, fate);
        if (fate.updates) {
            plan_configuration_of_instance(module);
            return;
        }
        const bool attests = plan_attestation(module, record, view, fate);
        if (input_.selection.attest && selected(module)) {
            plan_values(module, record, attests, fate);
        } else {
            fate.ready = fate.ready && record != nullptr && all_names_given(record->given, module);
        }
    }

    /// Until it is named: when it is loaded anew, or attested in spite of a quarantine.
    bool is_left_alone(const ModuleRecord* record, bool named) const {
        const Selection& selection = input_.selection;
        const bool asked = named && !selection.heal &&
                           (selection.load || (selection.attest_again && !record->disabled));
        return record != nullptr && (record->disabled || !record->quarantined.empty()) && !asked;
    }

    void warn_left_alone(const ModuleRecord& record) {
        Diagnostic warning =
            record.disabled
                ? make_error(
                      "module-disabled",
                      fmt::format("module {} was disabled and is left as it is", record.name),
                      fmt::format("to use it again: authex deploy --module {}", record.name))
                : make_error("module-quarantined",
                             fmt::format("module {} is cut off from all others: {}",
                                         record.name,
                                         record.quarantined),
                             fmt::format("once its node is to be trusted again: authex attest {}",
                                         record.name));
        warning.severity = Severity::warning;
        work_.warnings.push_back(std::move(warning));
    }

    /// It is to be elsewhere, and its node cannot be told: what runs there would go on, if nobody
    /// has cut it off.
    bool is_left_behind(const descriptor::Module& module, const ModuleRecord* record) const {
        const Selection& selection = input_.selection;
        if (record == nullptr || record->incarnation == 0 || record->node == module.node.name ||
            record->disabled || !record->quarantined.empty() ||
            descriptor_.find_node(record->node) == nullptr || !selection.load ||
            !selected(module) || selection.afresh.contains(module.name)) {
            return false;
        }
        const auto from = input_.survey.find(record->node);
        return from != input_.survey.end() && !from->second.usable();
    }

    void report_left_behind(const ModuleRecord& record) {
        work_.problems.push_back(
            make_error("node-away",
                       fmt::format("module {} is on node {}, which cannot be told that it moves",
                                   record.name,
                                   record.node),
                       fmt::format("mend the node, or take it out of the descriptor if it is gone "
                                   "for good; to begin anew beside it, without what the module "
                                   "knows: authex up --afresh {}",
                                   record.name)));
    }

    /// As it was deployed, and to be there.
    static bool is_to_heal(const descriptor::Module& module, const ModuleRecord* record) {
        return record != nullptr && record->node == module.node.name && !record->disabled &&
               record->quarantined.empty() &&
               (module.external || record->terms == terms_of(module));
    }

    void plan_load(const descriptor::Module& module,
                   const ModuleRecord* record,
                   const NodeView& view,
                   Fate& fate) {
        const auto built = input_.built.find(module.name);
        if (!input_.selection.load || !selected(module) || built == input_.built.end()) {
            return;
        }
        const bool gives_up = input_.selection.afresh.contains(module.name) && record != nullptr &&
                              record->waits_for_state();
        const std::string reason =
            gives_up ? "its kept state is given up"
                     : reason_to_load(module, record, view.module(module.name), built->second);
        if (reason.empty()) {
            return;
        }
        if (hands_over(module, record)) {
            plan_update(module, *record, fate, reason);
            return;
        }
        if (input_.selection.hand_over_or_fail) {
            report_no_handover(module, record, reason);
            return;
        }
        fate.loads = true;
        Step& step = work_.add(Phase::load, "load", module.name, module.node.name, reason);
        // What runs under its name on a node that it moves to was left there, and is disabled.
        const bool moves = record != nullptr && record->node != module.node.name;
        step.restart = gives_up || moves ||
                       (record != nullptr && (record->disabled || !record->quarantined.empty()));
        if (moves) {
            work_.add(Phase::remove,
                      "remove",
                      module.name,
                      record->node,
                      fmt::format("moves to {}", module.node.name));
        }
    }

    /// Whether the process that has the module's keys is there to be asked for its state.
    bool hands_over(const descriptor::Module& module, const ModuleRecord* record) const {
        const Selection& selection = input_.selection;
        if (record == nullptr || record->incarnation == 0 || record->disabled ||
            !record->quarantined.empty() || record->waits_for_state() || module.external ||
            selection.heal || selection.afresh.contains(module.name) || !selection.attest ||
            !selection.connect) {
            return false;
        }
        const auto from = input_.survey.find(record->node);
        if (from == input_.survey.end() || !from->second.usable() ||
            descriptor_.find_node(record->node) == nullptr || !state_can_go(module, *record)) {
            return false;
        }
        const v1::ModuleStatus* status = from->second.module(module.name);
        return status != nullptr && status->state() == v1::ModuleStatus::RUNNING &&
               process_of(from->second, *status) == record->process;
    }

    /// On Sancus it goes through the owner, where he may, and both images are made for that.
    bool state_can_go(const descriptor::Module& module, const ModuleRecord& record) const {
        const bool from_small = input_.survey.at(record.node).tee == sancus;
        const bool to_small = input_.survey.at(module.node.name).tee == sancus;
        return (!from_small && !to_small) ||
               (module.readable_state && (!from_small || record.layout.readable));
    }

    void report_no_handover(const descriptor::Module& module,
                            const ModuleRecord* record,
                            const std::string& reason) {
        const bool small = input_.survey.at(module.node.name).tee == sancus ||
                           (record != nullptr && input_.survey.contains(record->node) &&
                            input_.survey.at(record->node).tee == sancus);
        Diagnostic problem = make_error(
            "no-handover",
            small ? fmt::format("module {} is of a Sancus node and was not built to hand over "
                                "(«readable_state» in the descriptor)",
                                module.name)
                  : fmt::format(
                        "nothing of module {} runs that could hand over: {}", module.name, reason),
            fmt::format("to begin anew, without what it knows: authex deploy --module {}, then "
                        "authex up",
                        module.name));
        work_.problems.push_back(std::move(problem));
    }

    void plan_update(const descriptor::Module& module,
                     const ModuleRecord& record,
                     Fate& fate,
                     const std::string& reason) {
        fate.updates = true;
        fate.ready = true;
        const std::string instance =
            next_instance(module.name, record.on_node.empty() ? module.name : record.on_node);
        if (record.attested_at_us == 0) {
            work_.add(Phase::attest, "attest", module.name, record.node, "not attested");
        }
        work_.add(Phase::load, "load", module.name, module.node.name, reason).instance = instance;
        work_.add(Phase::attest, "attest", module.name, module.node.name, "loaded").instance =
            instance;
        work_
            .add(Phase::update,
                 "update",
                 module.name,
                 module.node.name,
                 record.node == module.node.name ? "takes over from the one that runs"
                                                 : fmt::format("takes over from {}", record.node))
            .instance = instance;
    }

    void plan_configuration_of_instance(const descriptor::Module& module) {
        const auto found = input_.values.find(module.name);
        if (found == input_.values.end()) {
            return;
        }
        if (!found->second) {
            work_.problems.push_back(found->second.error());
            return;
        }
        if (found->second->empty()) {
            return;
        }
        std::vector<std::string> words;
        Step step{.shown = {.phase = Phase::configure,
                            .action = "configure",
                            .subject = module.name,
                            .node = module.node.name},
                  .instance = work_.steps.back().instance};
        for (std::size_t i = 0; i < found->second->size(); ++i) {
            step.set_values.push_back(i);
            words.push_back(to_string((*found->second)[i].kind, (*found->second)[i].name));
        }
        step.shown.reason = fmt::format("{}", fmt::join(words, ", "));
        work_.steps.push_back(std::move(step));
    }

    static std::string reason_to_load(const descriptor::Module& module,
                                      const ModuleRecord* record,
                                      const v1::ModuleStatus* status,
                                      const Loadable& built) {
        if (record != nullptr && record->node != module.node.name) {
            return fmt::format("moves from {}", record->node);
        }
        if (record != nullptr && record->disabled) {
            return "was disabled";
        }
        if (record != nullptr && !record->quarantined.empty()) {
            return "was quarantined";
        }
        if (status == nullptr || status->state() == v1::ModuleStatus::ABSENT) {
            return record == nullptr ? "new" : "the node lost it";
        }
        if (!has_image(*status, built.sha256)) {
            return record != nullptr && record->image_sha256 == built.sha256
                       ? "the node has another image"
                       : "code changed";
        }
        if (record == nullptr) {
            return "not recorded";
        }
        if (!lies_at(*status, record->placement)) {
            return "lies elsewhere than it did";
        }
        if (!record->placement.empty() && record->module_key.empty()) {
            return "does not have the key that was expected";
        }
        if (record->terms != built.terms) {
            return "stack or devices changed";
        }
        switch (status->state()) {
        case v1::ModuleStatus::FAILED:
            return fmt::format("failed: {}", status->failure());
        case v1::ModuleStatus::STOPPED:
            return "stopped";
        default:
            return record->image_sha256 == built.sha256 ? "" : "not recorded";
        }
    }

    /// @return whether it will be attested
    bool plan_attestation(const descriptor::Module& module,
                          const ModuleRecord* record,
                          const NodeView& view,
                          Fate& fate) {
        const v1::ModuleStatus* status = view.module(module.name);
        const bool runs = is_alive(status);
        const std::string process = runs ? process_of(view, *status) : "";
        const bool known = record != nullptr && record->attested_at_us != 0;
        fate.fresh = fate.loads || record == nullptr || record->process != process;
        fate.ready = known && runs && !fate.fresh;
        if (!input_.selection.attest || !selected(module)) {
            return false;
        }
        if (!fate.loads && (!runs || (record == nullptr && !module.external))) {
            report_absent(module);
            return false;
        }
        const char* reason = nullptr;
        if (fate.loads) {
            reason = "loaded";
        } else if (!known) {
            reason = "not attested";
        } else if (fate.fresh) {
            reason = "started anew";
        } else if (record->keeping != KeepingStep::none) {
            reason = "waits to be told to go on";
        } else if (input_.selection.attest_again) {
            reason = "again";
        }
        if (reason != nullptr) {
            Step& step = work_.add(Phase::attest, "attest", module.name, module.node.name, reason);
            step.suspects =
                record != nullptr && (input_.selection.attest_again || input_.selection.heal);
        }
        fate.ready = true;
        return reason != nullptr;
    }

    /// After an attestation all is given: what the process has is not known then.
    void plan_values(const descriptor::Module& module,
                     const ModuleRecord* record,
                     bool attests,
                     Fate& fate) {
        const std::vector<GivenValue> nothing;
        const std::vector<GivenValue>& given =
            record == nullptr || fate.fresh ? nothing : record->given;
        const auto found = input_.values.find(module.name);
        const ModuleValues values =
            found == input_.values.end() ? std::vector<ModuleValue>() : found->second;
        if (input_.selection.heal && !attests) {
            return; // what changed since is the owner's next `up`
        }
        if (!values) {
            work_.problems.push_back(values.error());
            fate.ready = fate.ready && !attests && all_names_given(given, module);
            return;
        }
        if (!fate.ready) {
            return;
        }
        Step step{.shown = {.phase = Phase::configure,
                            .action = "configure",
                            .subject = module.name,
                            .node = module.node.name}};
        std::vector<std::string> words;
        for (std::size_t i = 0; i < values->size(); ++i) {
            const ModuleValue& value = (*values)[i];
            if (!attests && is_given(given, value)) {
                continue;
            }
            const bool known = std::any_of(given.begin(), given.end(), [&](const auto& each) {
                return each.is(value.kind == wire::ValueKind::secret, value.name);
            });
            step.set_values.push_back(i);
            words.push_back(to_string(value.kind, value.name) + (attests ? ""
                                                                 : known ? " changed"
                                                                         : " is new"));
        }
        // Also from a process that is said to be a new one: that is its node's word alone.
        for (const GivenValue& each : record == nullptr ? nothing : record->given) {
            const bool wanted =
                std::any_of(values->begin(), values->end(), [&](const ModuleValue& value) {
                    return each.is(value.kind == wire::ValueKind::secret, value.name);
                });
            if (!wanted) {
                step.removed_values.push_back(each);
                words.push_back(
                    to_string(each.secret ? wire::ValueKind::secret : wire::ValueKind::config,
                              each.name) +
                    " goes");
            }
        }
        if (!words.empty()) {
            step.shown.reason = fmt::format("{}", fmt::join(words, ", "));
            work_.steps.push_back(std::move(step));
        }
    }

    void report_absent(const descriptor::Module& module) {
        Diagnostic problem = make_error(
            "module-absent",
            fmt::format("module {} does not run on node {}", module.name, module.node.name),
            module.external ? "load it there, by whatever means it is loaded"
                            : fmt::format("authex deploy --module {}", module.name));
        problem.where = module.where;
        work_.problems.push_back(std::move(problem));
    }

    const PlanInput& input_;
    const descriptor::Descriptor& descriptor_;
    const State& state_;
    bool everything_;
    Fates fates_;
    Work work_;
};

bool has_devices(const descriptor::Descriptor& descriptor, const std::string& module) {
    const descriptor::Module* found = descriptor.find_module(module);
    return found != nullptr && !found->devices.empty();
}

} // namespace

std::string terms_of(const descriptor::Module& module) {
    std::vector<std::string> devices;
    for (const descriptor::Reference& device : module.devices) {
        devices.push_back(device.name);
    }
    std::sort(devices.begin(), devices.end());
    return fmt::format("stack {} devices {}{}",
                       module.max.stack_bytes.value_or(0),
                       fmt::join(devices, " "),
                       module.persist ? " persist" : "");
}

bool is_output_driver(const descriptor::Descriptor& descriptor, const std::string& module) {
    const auto& all = descriptor.connections;
    return has_devices(descriptor, module) ||
           std::none_of(all.begin(), all.end(), [&](const descriptor::Connection& each) {
               return each.from && each.from->module == module;
           });
}

bool is_input_driver(const descriptor::Descriptor& descriptor, const std::string& module) {
    const auto& all = descriptor.connections;
    return has_devices(descriptor, module) ||
           std::none_of(all.begin(), all.end(), [&](const descriptor::Connection& each) {
               return !each.direct() && each.to.module == module;
           });
}

Phase phase_of(const descriptor::Descriptor& descriptor, const descriptor::Connection& connection) {
    if (connection.direct()) {
        return Phase::connect_direct;
    }
    if (is_input_driver(descriptor, connection.from->module)) {
        return Phase::connect_inputs;
    }
    return is_output_driver(descriptor, connection.to.module) ? Phase::connect_outputs
                                                              : Phase::connect_inner;
}

Loadables loaded_images(const State& state, const std::filesystem::path& folder) {
    Loadables images;
    for (const auto& [name, record] : state.modules()) {
        if (record.image_sha256.empty()) {
            continue; // it was not loaded from here
        }
        images[name] = {.image = {.path = kept_image(folder, record.image_sha256),
                                  .identity = record.identity,
                                  .bytes = record.image_bytes,
                                  .endpoints = record.endpoints,
                                  .state = record.layout},
                        .sha256 = record.image_sha256,
                        .terms = record.terms};
    }
    return images;
}

Step& Work::add(Phase phase,
                const char* action,
                const std::string& subject,
                const std::string& node,
                std::string reason) {
    steps.push_back({.shown = {.phase = phase,
                               .action = action,
                               .subject = subject,
                               .node = node,
                               .reason = std::move(reason)}});
    return steps.back();
}

Work make_plan(const PlanInput& input) {
    return Planner(input).make();
}

} // namespace authex::deployer
