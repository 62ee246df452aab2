#include "cli/webhook.hpp"

#include <chrono>
#include <httplib.h>

#include <fmt/format.h>

namespace authex::cli {
namespace {

constexpr std::size_t reports_max = 100;
constexpr time_t patience_seconds = 5; ///< for each step of an exchange
constexpr auto between_tries = std::chrono::seconds(2);
constexpr int attempts_max = 30;

} // namespace

Expected<std::unique_ptr<Webhook>> Webhook::open(const std::string& url,
                                                 std::function<void(const Diagnostic&)> warn) {
    const std::size_t scheme = url.find("://");
    const bool known = url.starts_with("http://") || url.starts_with("https://");
    const std::size_t slash = known ? url.find('/', scheme + 3) : std::string::npos;
    const std::string base = url.substr(0, slash);
    if (!known || base.size() == scheme + 3) {
        return failure("payload-url",
                       fmt::format("\"{}\" is no address to POST to", url),
                       "write it as https://host/path");
    }
    return std::unique_ptr<Webhook>(
        new Webhook(base, slash == std::string::npos ? "/" : url.substr(slash), std::move(warn)));
}

Webhook::Webhook(std::string base, std::string path, std::function<void(const Diagnostic&)> warn)
    : base_(std::move(base)), path_(std::move(path)), warn_(std::move(warn)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Webhook::~Webhook() {
    thread_.request_stop();
    thread_.join();
}

void Webhook::post(std::string json) {
    {
        const std::lock_guard lock(mutex_);
        if (reports_.size() == reports_max) {
            reports_.pop_front();
        }
        reports_.push_back(std::move(json));
    }
    wake_.notify_one();
}

void Webhook::run(const std::stop_token& stop) {
    for (int attempts = 0;;) {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return !reports_.empty(); })) {
            return;
        }
        const std::string report = std::move(reports_.front());
        reports_.pop_front();
        lock.unlock();
        const std::string problem = deliver(report);
        if (problem.empty()) {
            attempts = 0;
            continue;
        }
        if (++attempts == attempts_max || stop.stop_requested()) {
            warn_(make_error("webhook",
                             fmt::format("{}{} has not taken a report: {}", base_, path_, problem),
                             "it stands in the journal: authex journal"));
            attempts = 0;
            continue;
        }
        lock.lock();
        reports_.push_front(report);
        (void)wake_.wait_for(lock, stop, between_tries, [] { return false; });
    }
}

std::string Webhook::deliver(const std::string& json) const {
    httplib::Client client(base_);
    client.set_connection_timeout(patience_seconds);
    client.set_read_timeout(patience_seconds);
    client.set_write_timeout(patience_seconds);
    const httplib::Result answer = client.Post(path_, json, "application/json");
    if (!answer) {
        return httplib::to_string(answer.error());
    }
    const bool taken = answer->status >= 200 && answer->status < 300;
    return taken ? "" : fmt::format("status {}", answer->status);
}

} // namespace authex::cli
