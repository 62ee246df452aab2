// What modules have logged, from all nodes.
#include <authex/abi.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <re2/re2.h>

#include "deployer/owned_application.hpp"

namespace authex::deployer {
namespace {

using TimePoint = std::chrono::system_clock::time_point;

constexpr auto retry_pause = std::chrono::milliseconds(500);

LogLevel level_of(std::uint32_t level) {
    switch (level) {
    case AUTHEX_LOG_ERROR:
        return LogLevel::error;
    case AUTHEX_LOG_WARNING:
        return LogLevel::warning;
    case AUTHEX_LOG_INFO:
        return LogLevel::info;
    default:
        return LogLevel::debug;
    }
}

LogEntry entry_of(const std::string& node, const v1::LogLine& line) {
    return {.node = node,
            .module = line.module(),
            .level = level_of(line.level()),
            .text = line.text(),
            .time = TimePoint(std::chrono::microseconds(line.time_us()))};
}

/// Which lines fit the query, `last` apart.
class Sieve {
  public:
    explicit Sieve(const LogQuery& query)
        : query_(query), pattern_(query.grep, RE2::Quiet), any_text_(query.grep.empty()) {}

    [[nodiscard]] const RE2& pattern() const { return pattern_; }
    [[nodiscard]] bool fits(const LogEntry& entry) const {
        return (query_.modules.empty() || names(query_.modules, entry.module)) &&
               entry.level <= query_.level && (!query_.since || entry.time >= *query_.since) &&
               (any_text_ || RE2::PartialMatch(entry.text, pattern_));
    }

  private:
    const LogQuery& query_;
    RE2 pattern_;
    bool any_text_;
};

/// The last `count` entries of each module, in the order of their times.
std::vector<LogEntry> last_of_each(std::vector<LogEntry> entries, std::uint32_t count) {
    std::stable_sort(entries.begin(), entries.end(), [](const LogEntry& a, const LogEntry& b) {
        return a.time < b.time;
    });
    std::map<std::string, std::uint32_t> seen;
    std::vector<LogEntry> kept;
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (seen[entry->module]++ < count) {
            kept.push_back(std::move(*entry));
        }
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
}

} // namespace

/// One node as its lines are read.
struct OwnedApplication::LogSource {
    std::string name;
    std::shared_ptr<Node> node;
    v1::LogsRequest request;
    std::uint64_t seen_us = 0; ///< of the last line that was read
    std::uint64_t seen_sequence = 0;

    /// Whether the line was read before. A manager that starts anew counts from the beginning.
    [[nodiscard]] bool has_seen(const v1::LogLine& line) const {
        return line.sequence() <= seen_sequence && line.time_us() <= seen_us;
    }
    void saw(const v1::LogLine& line) {
        seen_us = line.time_us();
        seen_sequence = line.sequence();
    }
};

OwnedApplication::Errors OwnedApplication::check_query(const LogQuery& query) const {
    Errors errors;
    for (const std::string& name : query.modules) {
        if (descriptor_.find_module(name) == nullptr) {
            errors.push_back(
                make_error("unknown-module", fmt::format("the descriptor has no module {}", name)));
        }
    }
    for (const std::string& name : query.nodes) {
        if (descriptor_.find_node(name) == nullptr) {
            errors.push_back(
                make_error("unknown-node", fmt::format("the descriptor has no node {}", name)));
        }
    }
    return errors;
}

/// The nodes that may have lines that are wanted.
std::vector<OwnedApplication::LogSource>
OwnedApplication::log_sources(const LogQuery& query, std::uint16_t deployment, Errors& errors) {
    std::vector<LogSource> sources;
    for (const descriptor::Node& node : descriptor_.nodes) {
        const bool has_module =
            std::any_of(query.modules.begin(), query.modules.end(), [&](const std::string& module) {
                return descriptor_.find_module(module)->node.name == node.name;
            });
        if ((!query.modules.empty() && !has_module) ||
            (!query.nodes.empty() && !names(query.nodes, node.name))) {
            continue;
        }
        const auto reached = node_of(node.name);
        if (!reached) {
            errors.push_back(reached.error());
            continue;
        }
        LogSource source{.name = node.name, .node = *reached};
        source.request.set_deployment(deployment);
        source.request.set_module(query.modules.size() == 1 ? query.modules.front() : "");
        sources.push_back(std::move(source));
    }
    return sources;
}

/// One source until a stop is requested. A manager that is gone is waited for; what it says again
/// then was said before.
void OwnedApplication::follow_source(LogSource& source,
                                     const std::stop_token& stop,
                                     const std::function<void(const LogEntry&)>& take) {
    bool there = true;
    source.request.set_follow(true);
    while (!stop.stop_requested()) {
        const auto done = source.node->logs(
            source.request,
            [&](const v1::LogLine& line) {
                there = true;
                if (!source.has_seen(line)) {
                    source.saw(line);
                    take(entry_of(source.name, line));
                }
                return !stop.stop_requested();
            },
            stop);
        if (!done && there && !stop.stop_requested()) {
            there = false;
            Diagnostic problem = done.error();
            problem.severity = Severity::warning;
            problem.detail = "its lines go on when it answers again";
            const std::lock_guard lock(log_mutex_);
            warn(problem);
        }
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        (void)wake.wait_for(lock, stop, retry_pause, [] { return false; });
    }
}

Outcome<bool> OwnedApplication::logs(const LogQuery& query,
                                     const std::function<bool(const LogEntry&)>& take) {
    Errors errors = check_query(query);
    const Sieve sieve(query);
    if (!sieve.pattern().ok()) {
        errors.push_back(make_error(
            "pattern-invalid",
            fmt::format("\"{}\" is no regular expression: {}", query.grep, sieve.pattern().error()),
            "write it as RE2 does: github.com/google/re2/wiki/Syntax"));
    }
    const auto state =
        outside_.has_owner_key ? outside_.open_state(StateUse::look) : open_to_change();
    if (!state) {
        errors.push_back(state.error());
    }
    if (!errors.empty()) {
        return tl::make_unexpected(std::move(errors));
    }
    std::vector<LogSource> sources = log_sources(query, (*state)->deployment(), errors);
    std::vector<LogEntry> past;
    std::vector<std::function<void()>> work;
    work.reserve(sources.size());
    const auto keep = [&](LogSource& source, const v1::LogLine& line) {
        LogEntry entry = entry_of(source.name, line);
        source.saw(line);
        const std::lock_guard lock(log_mutex_);
        if (sieve.fits(entry)) {
            past.push_back(std::move(entry));
        }
        return true;
    };
    for (LogSource& source : sources) {
        work.emplace_back([&] {
            const auto done = source.node->logs(
                source.request,
                [&](const v1::LogLine& line) { return keep(source, line); },
                query.stop);
            // One that is followed is asked again, and what is wrong is said then.
            if (!done && !query.follow) {
                const std::lock_guard lock(log_mutex_);
                errors.push_back(done.error());
            }
        });
    }
    outside_.executor->run(std::move(work));
    for (const LogEntry& entry : last_of_each(std::move(past), query.last)) {
        if (!take(entry)) {
            return true;
        }
    }
    if (!errors.empty()) {
        return tl::make_unexpected(std::move(errors));
    }
    if (query.follow) {
        follow(sources, query.stop, [&](const LogEntry& entry) {
            return !sieve.fits(entry) || take(entry);
        });
    }
    return true;
}

/// Each source has a thread of its own: none waits for another's next line.
void OwnedApplication::follow(std::vector<LogSource>& sources,
                              const std::stop_token& stop,
                              const std::function<bool(const LogEntry&)>& take) {
    std::stop_source ended;
    const std::stop_callback forward(stop, [&ended] { ended.request_stop(); });
    const auto pass_on = [&](const LogEntry& entry) {
        const std::lock_guard lock(log_mutex_);
        if (!ended.stop_requested() && !take(entry)) {
            ended.request_stop();
        }
    };
    std::vector<std::jthread> threads;
    threads.reserve(sources.size());
    for (LogSource& source : sources) {
        threads.emplace_back([&] { follow_source(source, ended.get_token(), pass_on); });
    }
}

} // namespace authex::deployer
