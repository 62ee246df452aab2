#include "deployer/plan_periodic.hpp"

namespace authex::deployer {
namespace {

class PeriodicPlanner {
  public:
    PeriodicPlanner(const ConnectionPlanInput& input, Work& work)
        : input_(input.input), descriptor_(input_.descriptor), state_(input_.state),
          everything_(input.everything), fates_(input.fates), work_(work) {}

    void make() {
        if (everything_ && input_.selection.remove_stale) {
            remove_stale_periodic();
        }
        if (!input_.selection.register_periodic) {
            return;
        }
        for (const descriptor::Periodic& periodic : descriptor_.periodic) {
            const bool chosen = everything_ || names(input_.selection.periodic, periodic.name) ||
                                names(input_.selection.modules, periodic.entry.module);
            const Fate& fate = fates_.at(periodic.entry.module);
            // Those of a module that is updated follow it.
            const bool follows = fate.updates && state_.periodic().contains(periodic.name);
            if (chosen && fate.why == Fate::Why::none && !follows) {
                plan_registration(periodic);
            }
        }
    }

  private:
    void plan_registration(const descriptor::Periodic& periodic) {
        const std::string& node = descriptor_.find_module(periodic.entry.module)->node.name;
        const auto entry = find_endpoint(input_, periodic.entry);
        if (!entry) {
            work_.problems.push_back(unknown_endpoint(periodic.entry));
            return;
        }
        const PeriodicRecord wanted{.name = periodic.name,
                                    .node = node,
                                    .module = periodic.entry.module,
                                    .entry = entry->id,
                                    .every_us = static_cast<std::uint64_t>(periodic.every.count())};
        const v1::PeriodicStatus* status = input_.survey.at(node).periodic(periodic.name);
        const auto record = state_.periodic().find(periodic.name);
        const bool recorded = record != state_.periodic().end() && same(record->second, wanted);
        const bool there = status != nullptr && same(*status, wanted);
        if (recorded && there) {
            return;
        }
        const bool known = record != state_.periodic().end();
        if (input_.selection.heal && (!known || !same(record->second, wanted))) {
            return;
        }
        if (status != nullptr && !there) {
            work_.add(Phase::remove, "unregister", periodic.name, node, "changed");
        }
        Step& step = work_.add(Phase::register_periodic,
                               "register",
                               periodic.name,
                               node,
                               !known              ? "new"
                               : status == nullptr ? "the node lost it"
                                                   : "changed");
        step.periodic = wanted;
    }

    static bool same(const PeriodicRecord& a, const PeriodicRecord& b) {
        return a.node == b.node && a.module == b.module && a.entry == b.entry &&
               a.every_us == b.every_us;
    }
    static bool same(const v1::PeriodicStatus& a, const PeriodicRecord& b) {
        return a.module() == b.module && a.entry() == b.entry && a.every_us() == b.every_us;
    }

    void remove_stale_periodic() {
        const auto wanted_at = [&](const std::string& name) -> std::string {
            for (const descriptor::Periodic& periodic : descriptor_.periodic) {
                if (periodic.name == name) {
                    return descriptor_.find_module(periodic.entry.module)->node.name;
                }
            }
            return "";
        };
        for (const auto& [node, view] : input_.survey) {
            for (const v1::PeriodicStatus& status : view.status.periodic()) {
                const std::string wanted = wanted_at(status.name());
                const bool follows =
                    !wanted.empty() && is_moving(input_, fates_, status.module(), node);
                if (wanted != node && !follows) {
                    work_.add(
                        Phase::remove, "unregister", status.name(), node, "not in the descriptor");
                }
            }
        }
        for (const auto& [name, record] : state_.periodic()) {
            const auto view = input_.survey.find(record.node);
            const bool gone = view == input_.survey.end() || view->second.periodic(name) == nullptr;
            if (gone && wanted_at(name).empty()) {
                work_.add(Phase::remove, "unregister", name, record.node, "not in the descriptor");
            }
        }
    }

    const PlanInput& input_;
    const descriptor::Descriptor& descriptor_;
    const State& state_;
    bool everything_;
    const Fates& fates_;
    Work& work_;
};

} // namespace

void plan_periodic(const ConnectionPlanInput& input, Work& work) {
    PeriodicPlanner(input, work).make();
}

bool is_moving(const PlanInput& input,
               const Fates& fates,
               const std::string& module,
               const std::string& node) {
    const auto fate = fates.find(module);
    const ModuleRecord* record = input.state.module(module);
    const descriptor::Module* stated = input.descriptor.find_module(module);
    return fate != fates.end() && !fate->second.loads && record != nullptr &&
           record->node == node && stated != nullptr && stated->node.name != node;
}

} // namespace authex::deployer
