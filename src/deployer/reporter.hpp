#pragma once
// Progress of steps, told one at a time from however many threads.

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "deployer/application.hpp"

namespace authex::deployer {

class Reporter {
  public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;
    explicit Reporter(std::function<void(const Progress&)> tell) : tell_(std::move(tell)) {}

    void tell(const Progress& progress) {
        if (tell_) {
            const std::lock_guard lock(mutex_);
            tell_(progress);
        }
    }

  private:
    std::mutex mutex_;
    std::function<void(const Progress&)> tell_;
};

/// One piece of work as it is told: started at once, and then done or failed.
class Report {
  public:
    enum class Kind : std::uint8_t { change, aside };
    Report(Reporter& reporter,
           std::string action,
           std::string subject,
           std::string node,
           Kind kind = Kind::change)
        : reporter_(reporter), progress_{.action = std::move(action),
                                         .subject = std::move(subject),
                                         .node = std::move(node),
                                         .aside = kind == Kind::aside} {
        say(Progress::What::started, "");
    }
    void advanced(const std::string& detail) { say(Progress::What::advanced, detail); }
    void done(const std::string& detail = "") { say(Progress::What::done, detail); }
    void failed(const std::string& detail) { say(Progress::What::failed, detail); }

  private:
    void say(Progress::What what, const std::string& detail) {
        progress_.what = what;
        progress_.detail = detail;
        progress_.took = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - begun_);
        reporter_.tell(progress_);
    }
    Reporter& reporter_;
    Progress progress_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

} // namespace authex::deployer
