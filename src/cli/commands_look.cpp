// What can be seen: status, metrics, logs, the descriptor as a picture.
#include <fmt/format.h>

#include "cli/graph.hpp"
#include "cli/metrics_view.hpp"
#include "cli/run.hpp"
#include "cli/since.hpp"
#include "cli/status_changes.hpp"
#include "cli/views.hpp"

namespace authex::cli {

using deployer::Application;

namespace {

/// The text in the place of what stands on the screen, without flicker: each line is overwritten.
std::string redrawn(const std::string& text) {
    std::string screen = "\033[H";
    for (const char c : text) {
        screen += c == '\n' ? "\033[K\n" : std::string(1, c);
    }
    return screen + "\033[J";
}

deployer::LogLevel level_of(const std::string& word) {
    using deployer::LogLevel;
    return word == "error"     ? LogLevel::error
           : word == "warning" ? LogLevel::warning
           : word == "info"    ? LogLevel::info
                               : LogLevel::debug;
}

} // namespace

int Run::status(Application& application) {
    if (arguments_.watch) {
        return status_watch(application);
    }
    const auto status = application.status();
    if (!status) {
        return fail(status.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print(status_json(*status));
    } else {
        std::cout << status_text(*status, arguments_.verbose, out_);
    }
    return exit_done;
}

int Run::status_watch(Application& application) {
    const std::stop_token stop = interrupt_->token();
    const bool in_place = out_.is_terminal() && !arguments_.json;
    std::optional<deployer::Status> before;
    do {
        auto status = application.status();
        if (!status) {
            // Another command is at work: what it does is seen when it is done.
            const bool busy = status.error().front().code == "state-locked";
            if (!busy || !before) {
                return fail(status.error());
            }
            continue;
        }
        const auto now = std::chrono::system_clock::now();
        if (in_place) {
            std::cout << (before ? "" : "\033[2J")
                      << redrawn(status_text(*status, arguments_.verbose, out_) + "\n" +
                                 out_.paint(Colour::dim, time_text(now) + "   Ctrl-C ends") + "\n");
        } else if (arguments_.json) {
            if (!before || !status_changes(*before, *status).empty()) {
                std::cout << status_json(*status).dump() << '\n';
            }
        } else if (!before) {
            std::cout << status_text(*status, arguments_.verbose, out_);
        } else {
            for (const std::string& line : status_changes(*before, *status)) {
                std::cout << time_text(now) << ' ' << line << '\n';
            }
        }
        std::cout << std::flush;
        before = std::move(*status);
    } while (std::cout && !pause(arguments_.every_s, stop));
    return exit_done;
}

int Run::metrics(Application& application) {
    const auto status = application.status();
    if (!status) {
        return fail(status.error());
    }
    progress_.clear();
    std::cout << authex::metrics::to_text(application_metrics(*status));
    return exit_done;
}

int Run::logs(Application& application) {
    deployer::LogQuery query{.modules = arguments_.modules,
                             .nodes = arguments_.nodes,
                             .level = level_of(arguments_.level),
                             .since = std::nullopt,
                             .grep = arguments_.grep,
                             .last = arguments_.last,
                             .follow = arguments_.follow,
                             .stop = interrupt_ ? interrupt_->token() : std::stop_token()};
    if (!arguments_.since.empty()) {
        const auto since = parse_since(arguments_.since, std::chrono::system_clock::now());
        if (!since) {
            return fail(since.error());
        }
        query.since = *since;
    }
    const auto take = [this](const deployer::LogEntry& entry) {
        std::cout << (arguments_.json ? log_json(entry).dump() : log_text(entry, out_))
                  << std::endl;
        return static_cast<bool>(std::cout);
    };
    const auto outcome = application.logs(query, take);
    return outcome ? exit_done : fail(outcome.error());
}

int Run::graph() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    Expected<std::string> text = arguments_.format == "svg"       ? graph_svg(*descriptor)
                                 : arguments_.format == "mermaid" ? graph_mermaid(*descriptor)
                                                                  : graph_dot(*descriptor);
    if (!text) {
        return fail(text.error());
    }
    if (arguments_.json) {
        print({{"graph", *text}});
    } else {
        std::cout << *text;
    }
    return exit_done;
}

} // namespace authex::cli
