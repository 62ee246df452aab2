#pragma once
// Status as it changes.

#include <string>
#include <vector>

#include "deployer/application.hpp"

namespace authex::cli {

/// What is otherwise than it was, a line each; without a time.
[[nodiscard]] std::vector<std::string> status_changes(const deployer::Status& before,
                                                      const deployer::Status& after);

} // namespace authex::cli
