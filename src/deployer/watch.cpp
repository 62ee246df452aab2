#include "deployer/watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "deployer/deployed.hpp"
#include "deployer/lookout.hpp"
#include "deployer/state_marks.hpp"

namespace authex::deployer {
namespace {

/// Before a state in which nothing can be watched is looked at again.
constexpr std::chrono::milliseconds state_pause{1000};

/// What is to be watched, if that is ours to change.
Outcome<std::unique_ptr<OwnedApplication>> open_to_watch(const Options& options) {
    if (const auto may = may_change(state_directory_of(options)); !may) {
        return failed(may.error());
    }
    auto application = open_deployed(options);
    if (application && !(*application)->has_owner_key()) {
        return failed(make_error("no-owner-key",
                                 "this state directory has a certificate, but no owner key",
                                 "whoever watches attests and connects modules, which takes it"));
    }
    return application;
}

class RealWatch final : public Watch {
  public:
    RealWatch(Options options, WatchOrder order)
        : options_(std::move(options)), order_(std::move(order)) {}

    Outcome<bool> run() override {
        auto application = open_to_watch(options_);
        if (!application) {
            return tl::make_unexpected(std::move(application.error()));
        }
        while (!order_.stop.stop_requested()) {
            if (application) {
                watch(**application);
            } else {
                warn_once(application.error().front());
                pause();
            }
            application = open_to_watch(options_);
        }
        return true;
    }

    [[nodiscard]] WatchCounts counts() const override {
        const std::lock_guard lock(mutex_);
        return counts_;
    }

  private:
    /// Until a stop, or until something else is deployed than this application.
    void watch(OwnedApplication& application) {
        auto nodes = application.reach_nodes();
        if (!nodes) {
            warn_once(nodes.error());
            pause();
            return;
        }
        std::shared_ptr<const State> state = open_state(application);
        if (state == nullptr) {
            return;
        }
        warned_.clear();
        forget_survey();
        WatchRound round(
            application, order_.rules, [this] { return spread_(generator_); }, order_.tell);
        const auto lookouts = post(application, *nodes, *state);
        Watcher::Time next = Watcher::Time::max();
        while (!order_.stop.stop_requested()) {
            const Survey survey = wait(next);
            const std::shared_ptr<const State> before =
                std::exchange(state, open_state(application));
            if (state == nullptr || order_.stop.stop_requested()) {
                return;
            }
            if (state->descriptor() != before->descriptor() ||
                state->deployment() != before->deployment() ||
                !may_change(state_directory_of(options_))) {
                return;
            }
            next = round.run(*state, survey, std::chrono::steady_clock::now());
            const std::lock_guard lock(mutex_);
            counts_.broken = round.counts().broken;
            add(round.counts());
        }
    }

    std::vector<std::unique_ptr<Lookout>>
    post(OwnedApplication& application, const Nodes& nodes, const State& state) {
        std::vector<std::unique_ptr<Lookout>> lookouts;
        for (const auto& [name, node] : nodes) {
            lookouts.push_back(std::make_unique<Lookout>(
                node,
                state.deployment(),
                order_.look_every,
                Lookout::Outside{.ask =
                                     [this, &application, name = name, node = node] {
                                         return application.ask(*known(), name, *node);
                                     },
                                 .deliver =
                                     [this, name = name](NodeView view) {
                                         {
                                             const std::lock_guard lock(mutex_);
                                             survey_[name] = std::move(view);
                                             heard_ = true;
                                         }
                                         wake_.notify_all();
                                     }}));
        }
        return lookouts;
    }

    /// Of the application that was watched before.
    void forget_survey() {
        const std::lock_guard lock(mutex_);
        survey_.clear();
        seen_.clear();
    }
    std::shared_ptr<const State> open_state(const OwnedApplication& application) {
        auto opened = application.look();
        if (!opened) {
            warn_once(opened.error());
            return nullptr;
        }
        std::shared_ptr<const State> state = std::move(*opened);
        const std::lock_guard lock(mutex_);
        known_ = state;
        return state;
    }
    std::shared_ptr<const State> known() const {
        const std::lock_guard lock(mutex_);
        return known_;
    }

    /// Until a node was heard of, or until then; for so long at most as a state is believed.
    Survey wait(Watcher::Time until) {
        const auto latest = std::min(until, std::chrono::steady_clock::now() + order_.look_every);
        std::unique_lock lock(mutex_);
        (void)wake_.wait_until(lock, order_.stop, latest, [this] { return heard_; });
        heard_ = false;
        return survey_;
    }
    void pause() {
        std::unique_lock lock(mutex_);
        (void)wake_.wait_for(
            lock, order_.stop, std::min(order_.look_every, state_pause), [] { return false; });
    }
    void warn_once(const Diagnostic& problem) {
        if (warned_ != problem.summary && order_.warn) {
            order_.warn(problem);
        }
        warned_ = problem.summary;
    }
    /// Each application that was watched has counted by itself.
    void add(const WatchCounts& counts) {
        for (const auto& [act, tries] : counts.tries) {
            WatchCounts::Tries& before = seen_[act];
            counts_.tries[act].done += tries.done - before.done;
            counts_.tries[act].failed += tries.failed - before.failed;
            before = tries;
        }
    }

    Options options_;
    WatchOrder order_;
    std::minstd_rand generator_{std::random_device{}()};
    std::uniform_real_distribution<double> spread_{0.0, 1.0};
    std::string warned_;

    mutable std::mutex mutex_;
    std::condition_variable_any wake_;
    bool heard_ = false;
    Survey survey_;
    std::shared_ptr<const State> known_;
    WatchCounts counts_;
    std::map<std::string, WatchCounts::Tries> seen_; ///< of the application that is watched now
};

} // namespace

std::unique_ptr<Watch> make_watch(Options options, WatchOrder order) {
    return std::make_unique<RealWatch>(std::move(options), std::move(order));
}

} // namespace authex::deployer
