#pragma once
// Removes a module from its node: the process that is there now. An order that arrives when that
// has long been replaced by another of the same name is refused by the node.

#include "deployer/node.hpp"

namespace authex::deployer {

/// True also where there is none. @error another-process | of the node
Expected<bool> remove_module(Node& node, std::uint16_t deployment, const std::string& module);

} // namespace authex::deployer
