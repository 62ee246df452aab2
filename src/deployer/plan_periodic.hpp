#pragma once
// The part of the planner that is about periodic events.

#include <string>

#include "deployer/plan.hpp"
#include "deployer/plan_connections.hpp"

namespace authex::deployer {

void plan_periodic(const ConnectionPlanInput& input, Work& work);

/// Whether the module is on this node until it has moved to the one that the descriptor names.
[[nodiscard]] bool is_moving(const PlanInput& input,
                             const Fates& fates,
                             const std::string& module,
                             const std::string& node);

} // namespace authex::deployer
