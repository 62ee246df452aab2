#pragma once
// What a node has to say in numbers. Names of modules and deployments, numbers of connections,
// addresses of peers: nothing of what frames carry, and no key.

#include <vector>

#include "em/control/manager.hpp"
#include "metrics/exposition.hpp"

namespace authex::em {

/// Of modules, connections, links and periodic events, each with its deployment.
[[nodiscard]] std::vector<metrics::Family> traffic_metrics(const std::vector<Module>& modules,
                                                           const Snapshot& traffic);

/// How long frames took that this node sent; of all deployments.
[[nodiscard]] metrics::Family delivery_metrics(const Snapshot& traffic);

/// How exactly it made periodic calls; of all deployments.
[[nodiscard]] metrics::Family lateness_metrics(const Snapshot& traffic);

/// Of the manager's own process: memory, processor time, open descriptors, version.
[[nodiscard]] std::vector<metrics::Family> process_metrics();

} // namespace authex::em
