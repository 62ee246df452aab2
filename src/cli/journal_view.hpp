#pragma once
// What a watch did, for people, other programs and Prometheus.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/terminal.hpp"
#include "deployer/journal.hpp"
#include "deployer/watch.hpp"
#include "metrics/exposition.hpp"

namespace authex::cli {

/// One line, without its end.
[[nodiscard]] std::string journal_text(const deployer::JournalEntry& entry,
                                       const Terminal& terminal);
[[nodiscard]] nlohmann::json journal_json(const deployer::JournalEntry& entry);
[[nodiscard]] std::vector<metrics::Family> watch_metrics(const deployer::WatchCounts& counts);

} // namespace authex::cli
