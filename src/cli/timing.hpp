#pragma once
// How long each step took: what --timing asks for.

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/terminal.hpp"
#include "deployer/application.hpp"

namespace authex::cli {

/// Thread-safe.
class Timing {
  public:
    using Duration = std::chrono::microseconds;

    /// Keeps steps that are done or failed.
    void take(const deployer::Progress& progress);
    /// Steps in the order of their ends, then the whole. Steps run side by side, so that they may
    /// add up to more.
    [[nodiscard]] std::string text(Duration total, const Terminal& terminal) const;
    [[nodiscard]] nlohmann::json json(Duration total) const;
    [[nodiscard]] Duration since_begin() const {
        return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin_);
    }

  private:
    mutable std::mutex mutex_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::vector<deployer::Progress> steps_;
};

} // namespace authex::cli
