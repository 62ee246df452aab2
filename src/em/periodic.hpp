#pragma once
// What is due when: periodic calls of entries, and the timers that modules arm. No clock of its
// own; all times are monotonic µs.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "em/data_plane.hpp"
#include "em/router.hpp"

namespace authex::em {

/// Periodic calls: fired on a fixed grid, so that they do not drift; what could not be fired in
/// time is counted and left out, and the next call says how many periods have passed.
class PeriodicCalls {
  public:
    /// @error duplicate-name | bad-period
    Expected<bool> add(const PeriodicState& periodic, std::uint64_t now_us);
    /// @error unknown-periodic
    Expected<bool> remove(std::uint16_t deployment, const std::string& name);
    void clear(std::uint16_t deployment);
    [[nodiscard]] std::uint64_t next_due() const;
    /// All calls of the module; from now on the clock of its node makes them.
    [[nodiscard]] std::vector<tee::PeriodicCall> hand_over(const ModuleName& module);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    /// A call that was made was not taken after all.
    void not_taken(std::uint16_t deployment, const std::string& name, std::uint32_t ticks);
    /// Fires what is due: `fire(state, ticks)` says whether the call could be made. `ticks` are the
    /// periods since the last call that was, at least 1.
    template <typename Fire>
    void run(std::uint64_t now_us, Fire fire) {
        for (auto& [key, entry] : entries_) {
            if (entry.due_us > now_us) {
                continue;
            }
            const std::uint64_t late_us = now_us - entry.due_us;
            const std::uint64_t late = late_us / entry.state.every_us;
            entry.state.missed += late;
            entry.due_us += (late + 1) * entry.state.every_us;
            entry.ticks = std::min(entry.ticks + late + 1, std::uint64_t{UINT32_MAX});
            const bool fired = fire(entry.state, static_cast<std::uint32_t>(entry.ticks));
            ++(fired ? entry.state.fired : entry.state.missed);
            if (fired) {
                lateness_.observe(late_us % entry.state.every_us);
            }
            entry.ticks = fired ? 0 : entry.ticks;
        }
        refresh();
    }
    void fill(Snapshot& snapshot) const;

  private:
    struct Entry {
        PeriodicState state;
        std::uint64_t due_us = 0;
        std::uint64_t ticks = 0; ///< periods since the last call
    };
    void refresh();
    std::map<std::pair<std::uint16_t, std::string>, Entry> entries_;
    std::uint64_t next_due_ = ~std::uint64_t{0};
    metrics::Histogram lateness_;
};

/// Timers of modules, a bounded number each.
class ModuleTimers {
  public:
    static constexpr std::size_t per_module_max = 64;
    struct Due {
        ModuleId module = no_id;
        std::uint16_t channel = 0;
        std::uint64_t arming = 0;
    };
    /// Arms the module's timer, in place of an earlier arming. @return false: it has too many.
    bool arm(const Due& timer, std::uint64_t due_us);
    void remove(ModuleId module);
    [[nodiscard]] std::uint64_t next_due() const;
    /// The next one that is due, disarmed; empty if none.
    std::optional<Due> take(std::uint64_t now_us);

  private:
    using Key = std::pair<ModuleId, std::uint16_t>;
    struct Armed {
        std::uint64_t due_us;
        std::uint64_t arming;
    };
    std::map<Key, Armed> armed_;
    std::multimap<std::uint64_t, Key> by_time_;
    void unlink(std::uint64_t due_us, const Key& key);
};

} // namespace authex::em
