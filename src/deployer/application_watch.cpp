// What is broken is mended, from what the state has.
#include "deployer/owned_application.hpp"

namespace authex::deployer {

Work OwnedApplication::to_heal(const State& state, const Survey& survey) const {
    Survey whole = survey;
    for (const descriptor::Node& node : descriptor_.nodes) {
        if (!whole.contains(node.name)) {
            whole[node.name].problem = make_error("not-asked", "it was not asked yet");
        }
    }
    const Loadables images = loaded_images(state, outside_.images);
    const ValuesOfModules values;
    const Selection selection{.remove_stale = false, .heal = true};
    return make_plan({as_placed(state), images, state, whole, selection, values});
}

/// Modules may have moved since the descriptor was deployed as a whole.
descriptor::Descriptor OwnedApplication::as_placed(const State& state) const {
    descriptor::Descriptor placed = descriptor_;
    for (descriptor::Module& module : placed.modules) {
        const ModuleRecord* record = state.module(module.name);
        if (record != nullptr && placed.find_node(record->node) != nullptr) {
            module.node.name = record->node;
        }
    }
    return placed;
}

OwnedApplication::Healed OwnedApplication::heal(const Selection& selection, Away away) {
    away_ = std::move(away);
    Engine::Result result = attempt(selection);
    cut_off(result);
    away_.clear();
    return {.done = std::move(result.done),
            .errors = std::move(result.errors),
            .quarantined = std::move(result.quarantined)};
}

NodeView OwnedApplication::ask(const State& state, const std::string& name, Node& node) const {
    return ask_node(*descriptor_.find_node(name), node, state, descriptor_, outside_.revoked);
}

Expected<Nodes> OwnedApplication::reach_nodes() {
    for (const descriptor::Node& node : descriptor_.nodes) {
        const auto reached = node_of(node.name);
        if (!reached) {
            return tl::make_unexpected(reached.error());
        }
    }
    return nodes_;
}

} // namespace authex::deployer
