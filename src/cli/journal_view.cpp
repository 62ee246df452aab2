#include "cli/journal_view.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/views.hpp"

namespace authex::cli {

using deployer::JournalEntry;
using metrics::Family;
using metrics::Type;

std::string journal_text(const JournalEntry& entry, const Terminal& terminal) {
    const bool done = entry.result == "done" || entry.act == "well";
    std::string line = fmt::format("{} {} {}",
                                   terminal.paint(Colour::dim, time_text(entry.time)),
                                   terminal.paint(done ? Colour::green : Colour::red,
                                                  fmt::format("{:<10}", harmless(entry.act))),
                                   harmless(entry.subject));
    if (!entry.cause.empty()) {
        line += ": " + harmless(entry.cause);
    }
    if (!entry.result.empty()) {
        line += fmt::format(" → {} ({})", harmless(entry.result), duration_text(entry.took));
    }
    return line;
}

nlohmann::json journal_json(const JournalEntry& entry) {
    return {{"time", time_text(entry.time)},
            {"act", entry.act},
            {"subject", entry.subject},
            {"cause", entry.cause},
            {"result", entry.result},
            {"took_ms", entry.took.count()}};
}

std::vector<Family> watch_metrics(const deployer::WatchCounts& counts) {
    Family acts{"authex_watch_acts_total", Type::counter, "What the watch has tried.", {}};
    for (const auto& [act, tries] : counts.tries) {
        acts.add({{"act", act}, {"result", "done"}}, tries.done);
        acts.add({{"act", act}, {"result", "failed"}}, tries.failed);
    }
    Family broken{"authex_watch_broken", Type::gauge, "What is broken or overdue now.", {}};
    for (const char* kind : {"node", "link", "disk", "module", "connection", "periodic event"}) {
        const auto found = counts.broken.find(kind);
        broken.add({{"kind", kind}},
                   found == counts.broken.end() ? std::uint64_t{0} : found->second);
    }
    return {std::move(acts), std::move(broken)};
}

} // namespace authex::cli
