#pragma once
// The part of the planner that is about connections.

#include <map>
#include <optional>
#include <string>

#include "deployer/plan.hpp"

namespace authex::deployer {

/// What becomes of a module in a plan.
struct Fate {
    /// Why nothing is done to it.
    enum class Why : std::uint8_t { none, node, disabled, other };
    Why why = Why::none;
    bool loads = false;
    bool updates = false; ///< another instance takes its place, with its connections
    bool fresh = false;   ///< it is, or will be, another process than the one that has keys
    bool ready = false;   ///< it is, or will be, attested when connections are made
};
using Fates = std::map<std::string, Fate>;

struct ConnectionPlanInput {
    const PlanInput& input;
    bool everything = true; ///< no names are selected
    const Fates& fates;
};

void plan_connections(const ConnectionPlanInput& input, Work& work);

/// An endpoint of the module as it is or will be loaded; one that is given by number is there
/// always, then of kind 0 where nothing is known of it.
[[nodiscard]] std::optional<descriptor::Endpoint>
find_endpoint(const PlanInput& input, const descriptor::EndpointReference& reference);
[[nodiscard]] Diagnostic unknown_endpoint(const descriptor::EndpointReference& reference);

} // namespace authex::deployer
