#pragma once
// A simulated node as the deployer speaks to it: the words of node.proto, over a network that is
// the attacker's, to the manager, whose answers may be lies.

#include <memory>
#include <string>

#include "deployer/node.hpp"

namespace authex::simulation {

class World;

/// The world goes on until the answer is there, or the call's deadline.
std::unique_ptr<deployer::Node> make_remote_node(World& world, const std::string& name);

} // namespace authex::simulation
