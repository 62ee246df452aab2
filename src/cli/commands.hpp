#pragma once

#include "cli/arguments.hpp"

namespace authex::cli {

/// Does what the command line says and prints the result. @return exit status
[[nodiscard]] int run_command(const Arguments& arguments);

} // namespace authex::cli
