#pragma once
// One round of a watch: what the nodes say and what the state says are compared, and what is due is
// mended. No thread and no waiting: watch.hpp brings views of nodes and the time.

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "deployer/journal.hpp"
#include "deployer/owned_application.hpp"
#include "deployer/survey.hpp"
#include "deployer/watcher.hpp"

namespace authex::deployer {

struct WatchRules {
    Watcher::Rules pauses;
    std::chrono::milliseconds attest_every{
        0}; ///< 0: modules are attested only where they start anew
    std::chrono::milliseconds turn_keys_every{0}; ///< 0: keys stay as long as nobody turns them
    /// Frames of one direction under one key after which it is turned, whatever the time. Far below
    /// what AES-GCM allows with counters as nonces (SP 800-38D section 8.3).
    std::uint64_t turn_keys_after = std::uint64_t{1} << 32U;
};

/// How often what was tried, and what is broken now. For metrics.
struct WatchCounts {
    struct Tries {
        std::uint64_t done = 0;
        std::uint64_t failed = 0;
    };
    std::map<std::string, Tries> tries;          ///< by act
    std::map<std::string, std::uint64_t> broken; ///< by kind of Thing
};

class WatchRound {
  public:
    /// @param tell hears of each act, and of what breaks and gets well that nothing can be done
    /// about
    WatchRound(OwnedApplication& application,
               const WatchRules& rules,
               std::function<double()> random,
               std::function<void(const JournalEntry&)> tell);

    /// @param survey nodes that were not asked yet are not in it
    /// @return when to come again, if nothing else is heard before; max(): never
    Watcher::Time run(const State& state, const Survey& survey, Watcher::Time now);
    [[nodiscard]] const WatchCounts& counts() const { return counts_; }

  private:
    struct Found {
        std::vector<Ailment> ailments;
        Watcher::Time next = Watcher::Time::max(); ///< when something else will be overdue
    };
    [[nodiscard]] Found find(const State& state, const Survey& survey, Watcher::Time now) const;
    void
    find_overdue(const State& state, const Survey& survey, Watcher::Time now, Found& found) const;
    void
    find_old_keys(const State& state, const Survey& survey, Watcher::Time now, Found& found) const;
    void note_turns(const std::vector<Turn>& turns);
    void mend(const std::vector<Ailment>& due, const Survey& survey, Watcher::Time now);
    void mend_together(const std::vector<Ailment>& all, const Away& away, Watcher::Time now);

    OwnedApplication& application_;
    WatchRules rules_;
    Watcher watcher_;
    std::function<void(const JournalEntry&)> tell_;
    WatchCounts counts_;
};

} // namespace authex::deployer
