// What follows for others from a module that is cut off: its peers drop its connections, and the
// output drivers that its events reach go to their safe states.
#include <algorithm>
#include <deque>
#include <set>

#include <fmt/format.h>

#include "deployer/owned_application.hpp"

namespace authex::deployer {
namespace {

/// Modules that events of these reach, over however many others; these are not among them.
std::set<std::string> behind(const State& state, const std::vector<std::string>& modules) {
    std::set<std::string> reached(modules.begin(), modules.end());
    std::deque<std::string> left(modules.begin(), modules.end());
    while (!left.empty()) {
        for (const auto& [id, connection] : state.connections()) {
            if (connection.from.module == left.front() &&
                reached.insert(connection.to.module).second) {
                left.push_back(connection.to.module);
            }
        }
        left.pop_front();
    }
    for (const std::string& module : modules) {
        reached.erase(module);
    }
    return reached;
}

} // namespace

std::string safe_state_connection(const std::string& module) {
    return "safe state of " + module; // no name of the descriptor has a space in it
}

/// Each module that declares a safe state has a connection from the deployer to it.
void OwnedApplication::connect_safe_states(const Loadables& built, const State& state) {
    for (const descriptor::Module& module : descriptor_.modules) {
        const auto found = built.find(module.name);
        const ModuleRecord* record = state.module(module.name);
        const std::vector<descriptor::Endpoint> none;
        const auto& endpoints = found != built.end() ? found->second.image.endpoints
                                : record != nullptr  ? record->endpoints
                                                     : none;
        const bool declares =
            std::any_of(endpoints.begin(), endpoints.end(), [](const descriptor::Endpoint& each) {
                return each.name == safe_state_endpoint &&
                       each.kind == descriptor::EndpointKind::input;
            });
        const std::string name = safe_state_connection(module.name);
        std::erase_if(descriptor_.connections,
                      [&](const descriptor::Connection& each) { return each.name == name; });
        if (declares) {
            const descriptor::Tee tee = descriptor_.find_node(module.node.name)->tee;
            descriptor_.connections.push_back({.name = name,
                                               .to = {.module = module.name,
                                                      .endpoint = safe_state_endpoint,
                                                      .id = std::nullopt,
                                                      .where = module.where},
                                               .algorithm = tee == descriptor::Tee::sancus
                                                                ? crypto::Algorithm::spongent_128
                                                                : crypto::Algorithm::aes_128_gcm,
                                               .where = module.where});
        }
    }
}

void OwnedApplication::cut_off(Engine::Result& result) {
    if (result.quarantined.empty()) {
        return;
    }
    const Engine::Result cut = attempt({.load = false,
                                        .attest = false,
                                        .connect = false,
                                        .register_periodic = false,
                                        .remove_stale = false,
                                        .heal = true});
    result.done.steps.insert(result.done.steps.end(), cut.done.steps.begin(), cut.done.steps.end());
    result.errors.insert(result.errors.end(), cut.errors.begin(), cut.errors.end());
    const auto state = look();
    if (!state) {
        result.errors.push_back(state.error());
        return;
    }
    for (const std::string& module : behind(**state, result.quarantined)) {
        const ConnectionRecord* record = (*state)->connection(safe_state_connection(module));
        if (record == nullptr) {
            continue;
        }
        const auto sent = send(record->name, {}, false);
        Report report(reporter_, "safe state", module, record->destination_node);
        sent ? report.done() : report.failed(sent.error().summary);
        if (!sent) {
            result.errors.push_back(
                make_error("safe-state",
                           fmt::format("driver {} was not told to go to its safe state: {}",
                                       module,
                                       sent.error().summary),
                           fmt::format("make sure at node {} that what it drives is safe",
                                       record->destination_node)));
        }
    }
}

} // namespace authex::deployer
