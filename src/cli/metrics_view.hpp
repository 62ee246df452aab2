#pragma once
// The owner's view of an application in numbers, for Prometheus' textfile collector.

#include <string>
#include <vector>

#include "deployer/application.hpp"
#include "metrics/exposition.hpp"

namespace authex::cli {

/// Nodes, modules and connections of one application, each with its name. Counters of connections
/// are what the modules said, authenticated.
[[nodiscard]] std::vector<metrics::Family> application_metrics(const deployer::Status& status);

} // namespace authex::cli
