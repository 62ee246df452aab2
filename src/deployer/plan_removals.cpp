#include "deployer/plan_removals.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "deployer/plan_periodic.hpp"

namespace authex::deployer {
namespace {

class RemovalPlanner {
  public:
    RemovalPlanner(const ConnectionPlanInput& input, Work& work)
        : input_(input.input), descriptor_(input_.descriptor), state_(input_.state),
          everything_(input.everything), fates_(input.fates), work_(work) {}

    void make() {
        if (everything_ && input_.selection.remove_stale) {
            remove_stale_modules();
        }
        plan_cuts();
    }

  private:
    [[nodiscard]] bool belongs(const std::string& module, const std::string& node) const {
        const descriptor::Module* found = descriptor_.find_module(module);
        return found != nullptr && found->node.name == node;
    }

    void remove_stale_modules() {
        std::set<std::pair<std::string, std::string>> planned; // module, node
        for (const Step& step : work_.steps) {
            if (step.shown.phase == Phase::remove) {
                planned.emplace(step.shown.subject, step.shown.node);
            }
        }
        const auto remove = [&](const std::string& module, const std::string& node) {
            const ModuleRecord* record = state_.module(module);
            if (record != nullptr && !record->instance_of.empty()) {
                return; // the engine finishes first what was begun with it
            }
            if (is_moving(input_, fates_, module, node)) {
                return;
            }
            if (!belongs(module, node) && planned.emplace(module, node).second) {
                work_.add(Phase::remove, "remove", module, node, "not in the descriptor");
            }
        };
        for (const auto& [node, view] : input_.survey) {
            for (const v1::ModuleStatus& module : view.status.modules()) {
                remove(module.name(), node);
            }
        }
        for (const auto& [name, record] : state_.modules()) {
            const auto view = input_.survey.find(record.node);
            const bool unreachable = view != input_.survey.end() && !view->second.usable() &&
                                     descriptor_.find_node(record.node) != nullptr;
            if (descriptor_.find_module(name) == nullptr && !unreachable) {
                remove(name, record.node);
            }
        }
    }

    /// Peers that still have a key for a module that was disabled out of reach, or quarantined.
    void plan_cuts() {
        for (const auto& [id, record] : state_.connections()) {
            for (const EndRecord* end : {&record.from, &record.to}) {
                const EndRecord& peer = end == &record.from ? record.to : record.from;
                if (end->module.empty() || record.key.empty() || !is_cut_off(end->module) ||
                    !can_be_told(peer)) {
                    continue;
                }
                const ModuleRecord* cut = state_.module(end->module);
                Step& step =
                    work_.add(Phase::cut_off,
                              "cut off",
                              record.name,
                              peer.module.empty() ? "" : state_.module(peer.module)->node,
                              fmt::format("module {} {}",
                                          end->module,
                                          cut->disabled ? "was disabled" : "is quarantined"));
                step.connection = record;
                step.cut_off = end->module;
                break;
            }
        }
    }
    /// Not one that is named, and so about to be taken back.
    [[nodiscard]] bool is_cut_off(const std::string& module) const {
        const ModuleRecord* record = state_.module(module);
        const auto fate = fates_.find(module);
        const bool back = fate != fates_.end() && fate->second.why == Fate::Why::none;
        return record != nullptr && (record->disabled || !record->quarantined.empty()) && !back;
    }
    [[nodiscard]] bool can_be_told(const EndRecord& peer) const {
        const ModuleRecord* record = state_.module(peer.module);
        const auto fate = fates_.find(peer.module);
        const bool gone = peer.module.empty() || record == nullptr || record->disabled ||
                          !record->quarantined.empty();
        return gone || (fate != fates_.end() && fate->second.ready);
    }

    const PlanInput& input_;
    const descriptor::Descriptor& descriptor_;
    const State& state_;
    bool everything_;
    const Fates& fates_;
    Work& work_;
};

} // namespace

void plan_removals(const ConnectionPlanInput& input, Work& work) {
    RemovalPlanner(input, work).make();
}

} // namespace authex::deployer
