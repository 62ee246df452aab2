#pragma once
// `authex dev`: the descriptor's nodes on this machine, in one terminal.

#include "cli/arguments.hpp"
#include "descriptor/model.hpp"

namespace authex::cli {

/// Starts an event manager for each node that is native and on loopback, prints their lines with
/// the node's name before them, and runs until SIGINT or SIGTERM, or until a manager ends by
/// itself. Ends everything that it started, modules included.
/// @return the exit status of the command.
int run_dev(const Arguments& arguments, const descriptor::Descriptor& descriptor);

} // namespace authex::cli
