#pragma once
// The long-running deployer: goes on until it is stopped, and mends what breaks of a deployment. It
// works from the state, never from the descriptor's file or the sources: what was not deployed is
// not its business. The state is locked for each act, not in between.

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

#include "deployer/application.hpp"
#include "deployer/watch_round.hpp"

namespace authex::deployer {

struct WatchOrder {
    std::chrono::milliseconds look_every{10'000}; ///< at nodes and at a state that says nothing new
    WatchRules rules;
    std::function<void(const JournalEntry&)> tell; ///< as WatchRound; one at a time
    std::function<void(const Diagnostic&)> warn; ///< what keeps it from watching for now; likewise
    std::stop_token stop;
};

class Watch {
  public:
    virtual ~Watch() = default;
    /// Blocks until the order's `stop` is requested.
    /// @error nothing-deployed | no-owner-key | as may_change() | of state and keys: at the
    /// beginning only
    virtual Outcome<bool> run() = 0;
    /// Thread-safe.
    [[nodiscard]] virtual WatchCounts counts() const = 0;
};

/// `options.descriptor` says in which folder the application is; the file need not be there.
std::unique_ptr<Watch> make_watch(Options options, WatchOrder order);

} // namespace authex::deployer
