// Taken over with the recovery key, or after the state alone was lost.
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deployer/owned_application.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {

/// The nodes are not trusted with it: a wrong number leads to modules that prove nothing.
Expected<std::uint16_t> OwnedApplication::deployment_at_nodes(std::uint16_t wanted) {
    std::set<std::uint16_t> found;
    for (const descriptor::Node& stated : descriptor_.nodes) {
        const auto node = node_of(stated.name);
        if (!node) {
            return tl::make_unexpected(node.error());
        }
        const auto reply = (*node)->deployments({});
        if (!reply) {
            return tl::make_unexpected(reply.error());
        }
        for (const v1::Deployment& each : reply->deployments()) {
            const std::uint32_t id = each.deployment();
            if (each.application() == descriptor_.application && id != 0 && id <= 0xFFFF) {
                found.insert(static_cast<std::uint16_t>(id));
            }
        }
    }
    if (wanted != 0 ? !found.contains(wanted) : found.empty()) {
        return failure("nothing-deployed",
                       fmt::format("the nodes have no deployment{} of application {}",
                                   wanted != 0 ? fmt::format(" {}", wanted) : std::string(),
                                   descriptor_.application),
                       "check the descriptor's nodes; if nothing is deployed any more: authex up");
    }
    if (wanted == 0 && found.size() > 1) {
        return failure("several-deployments",
                       fmt::format("the nodes have the deployments {} of application {}",
                                   fmt::join(found, ", "),
                                   descriptor_.application),
                       "say which one: --deployment N");
    }
    return wanted != 0 ? wanted : *found.begin();
}

Expected<bool> OwnedApplication::meet_again(State& state, std::uint16_t deployment) {
    Change change;
    v1::HelloRequest request;
    request.set_deployment(deployment);
    request.set_application(descriptor_.application);
    request.add_protocol_versions(wire::protocol_version);
    for (const descriptor::Node& stated : descriptor_.nodes) {
        const auto node = node_of(stated.name);
        const auto hello = node ? (*node)->hello(request)
                                : Expected<v1::HelloReply>(tl::make_unexpected(node.error()));
        if (!hello) {
            return tl::make_unexpected(hello.error());
        }
        change.nodes.push_back(
            {.name = stated.name,
             .address = to_string(stated.address),
             .tee = hello->tee(),
             .node_id = hello->node_id(),
             .evidence_key = {hello->evidence_key().begin(), hello->evidence_key().end()}});
    }
    return state.commit(change);
}

Outcome<Plan> OwnedApplication::recover(std::uint16_t deployment) {
    {
        auto state = outside_.open_state(StateUse::change);
        if (!state) {
            return failed(state.error());
        }
        if ((*state)->deployment() == 0) {
            const auto found = deployment_at_nodes(deployment);
            if (!found) {
                return failed(found.error());
            }
            // The nodes first: a deployment of nodes that were never met would be taken for
            // another's.
            Expected<bool> kept = meet_again(**state, *found);
            if (kept) {
                kept = (*state)->set_deployment(*found);
            }
            if (!kept) {
                return failed(kept.error());
            }
        }
    }
    return up({});
}

} // namespace authex::deployer
