#pragma once
// The part of the planner that is about what is to go: modules that the descriptor does not have
// where they are, and the keys that others have for a module that is not to be spoken to any more.

#include "deployer/plan_connections.hpp"

namespace authex::deployer {

void plan_removals(const ConnectionPlanInput& input, Work& work);

} // namespace authex::deployer
