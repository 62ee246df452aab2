#pragma once
// Tells somebody else, over HTTP, what the owner must hear of.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/diagnostic.hpp"

namespace authex::cli {

/// POSTs JSON to an address, from a thread of its own: whoever reports does not wait. What cannot
/// be told is tried again for a minute; of more than 100 reports the oldest are dropped.
class Webhook {
  public:
    /// @param url  http:// or https://, a host, and whatever follows
    /// @param warn is told what could not be delivered, on the thread of this object
    /// @error payload-url
    static Expected<std::unique_ptr<Webhook>> open(const std::string& url,
                                                   std::function<void(const Diagnostic&)> warn);
    /// Waits for what is on its way; what has failed once is not tried again then.
    ~Webhook();
    Webhook(const Webhook&) = delete;
    Webhook& operator=(const Webhook&) = delete;

    /// Thread-safe.
    void post(std::string json);

  private:
    Webhook(std::string base, std::string path, std::function<void(const Diagnostic&)> warn);
    void run(const std::stop_token& stop);
    /// @return why it was not taken; empty: it was
    [[nodiscard]] std::string deliver(const std::string& json) const;

    std::string base_; ///< scheme, host and port
    std::string path_;
    std::function<void(const Diagnostic&)> warn_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<std::string> reports_;
    std::jthread thread_;
};

} // namespace authex::cli
