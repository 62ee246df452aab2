#pragma once
// What a delegate's folder is for. (docs/watch.md "A delegate")

#include "cli/arguments.hpp"

namespace authex::cli {

/// Whether the command may be given on a delegate's folder: what looks, heals and attests, and what
/// concerns no application. Everything else is the owner's alone.
[[nodiscard]] bool is_for_delegates(const Arguments& arguments);

} // namespace authex::cli
