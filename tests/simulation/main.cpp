// authex-simulate: runs seeds for as long as it is told.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulation/run.hpp"

namespace authex::simulation {
namespace {

struct Arguments {
    std::uint64_t seeds = 1000;
    std::uint64_t from = 1;
    std::uint64_t only = 0;
    bool minimise = false;
    bool go_on = false;
    bool list = false;
    std::string until; ///< goes on until a seed violates this invariant; empty: any
    std::string bug;
    DrawOptions draw;
};

/// How to see a failing seed again, and the shortest schedule.
void report(std::uint64_t seed, const Arguments& arguments) {
    std::string again = fmt::format("authex-simulate --seed {} --minimise", seed);
    if (!arguments.draw.attackers.empty()) {
        again += fmt::format(" --attackers {}", fmt::join(arguments.draw.attackers, ","));
    }
    fmt::print("replay: {}\n", again);
    const Schedule schedule = schedule_of(seed, arguments.draw);
    fmt::print("schedule:\n{}", to_text(schedule));
    if (arguments.minimise) {
        const Schedule shortest = minimised(seed, schedule);
        const Outcome last = run(seed, shortest);
        fmt::print(
            "minimised, violates {}:\n{}", last.violation.value_or("nothing"), to_text(shortest));
    }
    std::fflush(stdout);
}

/// A line that is the same wherever the seed runs.
void say(std::uint64_t seed, const Outcome& outcome) {
    fmt::print("{} {} frames {} us {:016x} {}\n",
               seed,
               outcome.frames,
               outcome.simulated_us,
               outcome.trace,
               outcome.violation.value_or("well"));
}

// Set by SIGINT and SIGTERM; the seed that runs is the last one then.
volatile std::sig_atomic_t ended_by = 0;

void end_soon(int signal) {
    ended_by = signal;
}

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = end_soon;
    // The second one ends the program at once.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

/// What has been done so far.
class Tally {
  public:
    explicit Tally(std::uint64_t first) : first_(first) {}

    void add(const Outcome& outcome) {
        ++done_;
        failed_ += outcome.violation ? 1 : 0;
        frames_ += outcome.frames;
        simulated_us_ += outcome.simulated_us;
    }
    [[nodiscard]] std::uint64_t done() const { return done_; }
    [[nodiscard]] std::uint64_t failed() const { return failed_; }

    /// A line on stderr, once a minute.
    void say_progress(std::uint64_t count) {
        constexpr std::chrono::minutes every{1};
        if (const auto now = std::chrono::steady_clock::now(); now - said_ >= every) {
            said_ = now;
            fmt::print(
                stderr, "{} of {} seeds, {} failed, {:.0f} s\n", done_, count, failed_, seconds());
        }
    }
    void say_all() const {
        fmt::print("{} seeds from {}, {} failed; {} sealed frames, {:.1f} simulated hours, "
                   "{:.1f} s, {:.0f} seeds/s\n",
                   done_,
                   first_,
                   failed_,
                   frames_,
                   static_cast<double>(simulated_us_) / 3.6e9,
                   seconds(),
                   static_cast<double>(done_) / seconds());
    }

  private:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

    std::uint64_t first_;
    std::uint64_t done_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t simulated_us_ = 0;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point said_ = begin_;
};

/// The exit status: 0, 1 where a seed failed, 128 + the signal that ended the run.
int run_all(const Arguments& arguments) {
    const std::uint64_t first = arguments.only != 0 ? arguments.only : arguments.from;
    const std::uint64_t count = arguments.only != 0 ? 1 : arguments.seeds;
    catch_signals();
    Tally tally(first);
    while (tally.done() < count && ended_by == 0) {
        const std::uint64_t seed = first + tally.done();
        const Outcome outcome = run(seed, schedule_of(seed, arguments.draw));
        tally.add(outcome);
        tally.say_progress(count);
        if (arguments.list) {
            say(seed, outcome);
        }
        if (!outcome.violation) {
            continue;
        }
        fmt::print("seed {} violates {}\n", seed, *outcome.violation);
        const bool wanted = outcome.violation->starts_with(arguments.until);
        if (wanted) {
            report(seed, arguments);
        }
        if (wanted && !arguments.go_on) {
            break;
        }
    }
    tally.say_all();
    if (ended_by != 0) {
        return 128 + ended_by;
    }
    return tally.failed() == 0 ? 0 : 1;
}

/// The program with that bug planted lies beside this one.
int run_bug(const std::string& bug, char** argv) {
    const std::string program = std::string(argv[0]) + "-" + bug;
    ::execv(program.c_str(), argv);
    fmt::print(stderr, "authex-simulate: there is no program {}\n", program);
    return 2;
}

} // namespace
} // namespace authex::simulation

int main(int argc, char** argv) {
    using namespace authex::simulation;
    Arguments arguments;
    CLI::App app{"Runs simulated deployments under attack; each seed is one world and schedule."};
    app.add_option("--seeds", arguments.seeds, "how many");
    app.add_option("--from", arguments.from, "the first one");
    app.add_option("--seed", arguments.only, "this one only");
    app.add_flag("--minimise", arguments.minimise, "shorten the schedule of a failing seed");
    app.add_flag("--go-on", arguments.go_on, "do not stop at a failing seed");
    app.add_flag(
        "--list", arguments.list, "the outcome of each seed, which is the same everywhere");
    app.add_option("--until", arguments.until, "stop at the first seed that violates this one");
    app.add_option("--bug", arguments.bug, "with a planted bug, by name");
    app.add_option("--attackers", arguments.draw.attackers, "only these, by name")->delimiter(',');
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return status == 0 ? 0 : 2;
    }
    for (const std::string& name : arguments.draw.attackers) {
        if (find_action(name) == nullptr) {
            fmt::print(stderr, "authex-simulate: there is no attacker {}\n", name);
            return 2;
        }
    }
    const char* planted = std::getenv("AUTHEX_SIMULATION_BUG");
    if (!arguments.bug.empty() && (planted == nullptr || planted != arguments.bug)) {
        ::setenv("AUTHEX_SIMULATION_BUG", arguments.bug.c_str(), 1);
        return run_bug(arguments.bug, argv);
    }
    return run_all(arguments);
}
