// The long-running deployer, and what it has written down.
#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/journal_view.hpp"
#include "cli/run.hpp"
#include "cli/since.hpp"
#include "deployer/grpc_node.hpp"
#include "deployer/journal.hpp"
#include "deployer/watch.hpp"
#include "metrics/server.hpp"

namespace authex::cli {

using deployer::Application;

namespace {

constexpr const char* quarantine = "quarantine"; ///< as a step and an act

Expected<std::unique_ptr<metrics::Server>>
serve_metrics(std::string address, bool insecure, const deployer::Watch& watch) {
    if (address.find(':') == std::string::npos) {
        address.insert(0, "127.0.0.1:");
    }
    if (!insecure && !deployer::is_loopback_address(address)) {
        return failure("insecure",
                       fmt::format("{} can be reached by others, and metrics are plain text for "
                                   "anyone",
                                   address),
                       "serve metrics on 127.0.0.1, or say --insecure");
    }
    return metrics::Server::open(
        {.listen = address}, [&watch] { return metrics::to_text(watch_metrics(watch.counts())); });
}

} // namespace

int Run::watch() {
    std::chrono::milliseconds attest_every{0};
    if (!arguments_.attest_every.empty()) {
        const auto span = parse_span(arguments_.attest_every);
        if (!span) {
            return fail(span.error());
        }
        attest_every = *span;
    }
    std::chrono::milliseconds turn_every{0};
    if (arguments_.turn_every != "never") {
        const auto span = parse_span(arguments_.turn_every);
        if (!span) {
            return fail(span.error());
        }
        turn_every = *span;
    }
    if (!open_webhook()) {
        return exit_failed;
    }
    const deployer::Journal journal(state_directory());
    deployer::Options options;
    options.descriptor = arguments_.file;
    options.state_directory = arguments_.state_directory;
    options.insecure = arguments_.insecure;
    options.timeout = arguments_.timeout;
    if (arguments_.verbose) {
        options.progress = [this](const deployer::Progress& progress) { progress_.show(progress); };
    }
    deployer::WatchOrder order{
        .rules = {.attest_every = attest_every, .turn_keys_every = turn_every}};
    order.look_every = std::chrono::milliseconds(static_cast<int>(arguments_.look_every_s * 1000));
    order.stop = interrupt_->token();
    order.warn = [this](const Diagnostic& problem) { warn(problem); };
    order.tell = [&](const deployer::JournalEntry& entry) {
        progress_.clear();
        std::cout << (arguments_.json ? journal_json(entry).dump() : journal_text(entry, out_))
                  << std::endl;
        if (webhook_ != nullptr && entry.act == quarantine) {
            webhook_->post(journal_json(entry).dump());
        }
        if (const auto kept = journal.add(entry); !kept) {
            warn(kept.error());
        }
    };
    const auto watch = deployer::make_watch(std::move(options), std::move(order));
    std::unique_ptr<metrics::Server> server;
    if (!arguments_.metrics.empty()) {
        auto opened = serve_metrics(arguments_.metrics, arguments_.insecure, *watch);
        if (!opened) {
            return fail(opened.error());
        }
        server = std::move(*opened);
        std::cerr << fmt::format("metrics are at http://{}/metrics\n", server->address());
    }
    const auto ended = watch->run();
    return ended ? exit_done : fail(ended.error());
}

bool Run::open_webhook() {
    if (arguments_.webhook.empty()) {
        return true;
    }
    auto opened =
        Webhook::open(arguments_.webhook, [this](const Diagnostic& problem) { warn(problem); });
    if (!opened) {
        (void)fail(opened.error());
        return false;
    }
    webhook_ = std::move(*opened);
    return true;
}

void Run::alert(const deployer::Progress& progress) {
    if (progress.action != quarantine || progress.what != deployer::Progress::What::done) {
        return;
    }
    const deployer::JournalEntry entry{
        .time = std::chrono::system_clock::now(),
        .act = quarantine,
        .subject = "module " + progress.subject,
        .cause = progress.detail,
        .result = "done",
        .took = std::chrono::duration_cast<std::chrono::milliseconds>(progress.took)};
    if (webhook_ != nullptr) {
        webhook_->post(journal_json(entry).dump());
    }
    if (const auto kept = deployer::Journal(state_directory()).add(entry); !kept) {
        warn(kept.error());
    }
}

/// Whatever fails does not keep it from going on; the exit status says that something did.
int Run::attest_every(Application& application) {
    const auto span = parse_span(arguments_.attest_every);
    if (!span) {
        return fail(span.error());
    }
    int status = exit_done;
    do {
        status = std::max(status, attest(application));
    } while (!pause(static_cast<double>(span->count()), interrupt_->token()));
    return status;
}

int Run::journal() {
    const deployer::Journal journal(state_directory());
    for (const deployer::JournalEntry& entry : journal.last(arguments_.last)) {
        std::cout << (arguments_.json ? journal_json(entry).dump() : journal_text(entry, out_))
                  << '\n';
    }
    return exit_done;
}

} // namespace authex::cli
