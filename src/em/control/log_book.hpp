#pragma once
// The last log lines of every module, bounded for each and in all, and who follows them.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "em/data_plane.hpp"

namespace authex::em {

struct LogEntry {
    std::uint64_t sequence = 0; ///< from 1, over all modules of the node
    std::uint64_t time_us = 0;  ///< Unix time
    std::uint8_t level = 0;     ///< as wire::Kind::log says it
    ModuleName module;
    std::string text;
};

/// Which lines somebody wants to see.
struct LogFilter {
    std::uint16_t deployment = 0;
    std::string module; ///< empty: all of the deployment
    [[nodiscard]] bool takes(const ModuleName& name) const {
        return name.deployment == deployment && (module.empty() || module == name.name);
    }
};

/// Thread-safe; no method waits for anything but the others.
class LogBook {
  public:
    struct Limits {
        std::size_t module_bytes = std::size_t{64} << 10U; ///< texts and what keeps them
        std::size_t total_bytes = std::size_t{2} << 20U;
        std::size_t line_bytes = 4096; ///< a longer one is cut
    };
    explicit LogBook(const Limits& limits) : limits_(limits) {}

    /// Keeps a line, in place of the oldest where there is no room, and tells the followers.
    void add(const ModuleName& module, std::uint8_t level, std::string text, std::uint64_t time_us);
    /// The first line after `sequence` that the filter takes, or nothing.
    [[nodiscard]] std::optional<LogEntry> after(std::uint64_t sequence,
                                                const LogFilter& filter) const;
    /// The sequence after which the last `count` lines stand that the filter takes; 0: all.
    [[nodiscard]] std::uint64_t before_last(std::size_t count, const LogFilter& filter) const;
    /// The texts of the module's last lines, oldest first.
    [[nodiscard]] std::vector<std::string> last(const ModuleName& module, std::size_t count) const;
    void forget(const ModuleName& module);

    /// `wake` is called from add(), with no lock held, whenever a line came that the filter takes;
    /// once after the handle is gone it may still be running.
    using Follower = std::shared_ptr<void>;
    [[nodiscard]] Follower follow(LogFilter filter, std::function<void()> wake);

    [[nodiscard]] std::size_t bytes() const;

  private:
    struct Ring {
        std::deque<LogEntry> lines;
        std::size_t bytes = 0;
    };
    struct Listener {
        LogFilter filter;
        std::function<void()> wake;
    };
    void drop_oldest(Ring& ring);
    void drop_oldest_of_all();

    Limits limits_;
    mutable std::mutex mutex_;
    std::map<ModuleName, Ring> rings_;
    std::size_t bytes_ = 0;
    std::uint64_t sequence_ = 0;
    std::vector<std::weak_ptr<Listener>> listeners_;
};

} // namespace authex::em
