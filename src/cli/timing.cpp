#include "cli/timing.hpp"

#include <nlohmann/json.hpp>

namespace authex::cli {

void Timing::take(const deployer::Progress& progress) {
    if (progress.what == deployer::Progress::What::done ||
        progress.what == deployer::Progress::What::failed) {
        const std::lock_guard lock(mutex_);
        steps_.push_back(progress);
    }
}

std::string Timing::text(Duration total, const Terminal& terminal) const {
    const std::lock_guard lock(mutex_);
    Table table({"STEP", "WHAT", "NODE", "TOOK", ""});
    for (const deployer::Progress& step : steps_) {
        const bool failed = step.what == deployer::Progress::What::failed;
        table.add({step.action,
                   step.subject,
                   step.node,
                   duration_text(step.took),
                   failed ? terminal.paint(Colour::red, "failed") : ""});
    }
    table.add({terminal.paint(Colour::bold, "all"),
               "",
               "",
               terminal.paint(Colour::bold, duration_text(total)),
               ""});
    return table.text(terminal);
}

nlohmann::json Timing::json(Duration total) const {
    const std::lock_guard lock(mutex_);
    nlohmann::json steps = nlohmann::json::array();
    for (const deployer::Progress& step : steps_) {
        steps.push_back({{"action", step.action},
                         {"subject", step.subject},
                         {"node", step.node},
                         {"took_us", step.took.count()},
                         {"failed", step.what == deployer::Progress::What::failed}});
    }
    return {{"total_us", total.count()}, {"steps", steps}};
}

} // namespace authex::cli
