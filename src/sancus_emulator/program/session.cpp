#include "sancus_emulator/program/session.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>

#include <fmt/format.h>

namespace authex::sancus_emulator {
namespace {

/// How long the machine runs between two looks at the world outside.
constexpr std::uint64_t slice_cycles = 200'000;
/// With a pace, time passes in steps of this.
constexpr auto step = std::chrono::milliseconds(1);
/// How long the end waits for those who still read what was sent.
constexpr auto linger = std::chrono::seconds(1);

using std::chrono::duration;
using std::chrono::duration_cast;

} // namespace

std::uint64_t Pacer::due(std::uint64_t cycle, Clock::time_point now) {
    const double seconds = duration<double>(now - start_).count();
    const auto passed =
        static_cast<std::uint64_t>(std::max(0.0, seconds) * static_cast<double>(hz_));
    const std::uint64_t due = start_cycle_ + passed;
    if (due > cycle + hz_ / 10) {
        start_cycle_ = cycle;
        start_ = now;
        return cycle;
    }
    return due;
}

Pacer::Clock::time_point Pacer::when(std::uint64_t cycle) const {
    const double cycles = static_cast<double>(cycle) - static_cast<double>(start_cycle_);
    return start_ +
           duration_cast<Clock::duration>(duration<double>(cycles / static_cast<double>(hz_)));
}

void Pacer::forgive(std::uint64_t cycle, Clock::time_point now) {
    if (when(cycle) > now + std::chrono::milliseconds(100)) {
        start_cycle_ = cycle;
        start_ = now;
    }
}

int Session::run() {
    signals_.async_wait([this](const asio::error_code& error, int) { signalled_ = !error; });
    if (options_.hz != 0) {
        pacer_.emplace(options_.hz, machine_->core().cycle, Pacer::Clock::now());
    } else if (options_.sleep_in_time) {
        sleeper_.emplace(board_.clock_hz, machine_->core().cycle, Pacer::Clock::now());
    }
    for (;;) {
        io_.poll();
        if (signalled_ || panel_->stop_asked()) {
            return finish({signalled_ ? "signal" : "stopped",
                           signalled_ ? "ended by a signal" : "ended by `control … stop`"});
        }
        if (gdb_ != nullptr && gdb_->kill_asked()) {
            return finish({"killed", "ended by the debugger"});
        }
        for (const Line& line : lines_) {
            line.end->pump();
        }
        give_inputs();
        const auto stop = driver_->run(*machine_, next_target());
        for (const Line& line : lines_) {
            line.end->pump();
        }
        if (const auto end = after(stop)) {
            return finish(*end);
        }
    }
}

std::uint64_t Session::next_target() {
    const std::uint64_t cycle = machine_->core().cycle;
    std::uint64_t target = std::min(limit_, cycle + slice_cycles);
    if (pacer_) {
        target = std::min(target, std::max(cycle, pacer_->due(cycle, Pacer::Clock::now())));
    } else if (sleeper_) {
        const auto now = Pacer::Clock::now();
        const std::uint64_t due = std::max(cycle, sleeper_->due(cycle, now));
        target = std::min(target, waits_for_timer() ? due : cycle + short_sleep());
        sleeper_->forgive(cycle, now);
    }
    if (!inputs_.empty()) {
        target = std::min(target, std::max(cycle, inputs_.front().cycle));
    }
    return target;
}

void Session::give_inputs() {
    const std::uint64_t cycle = machine_->core().cycle;
    while (!inputs_.empty() && inputs_.front().cycle <= cycle) {
        const PhysicalEvent& event = inputs_.front();
        Device* device = machine_->devices().find(event.device);
        if (const auto given = device->input(event.value, cycle); !given) {
            reporter_.error(given.error());
        }
        inputs_.pop_front();
    }
}

std::optional<Session::End> Session::after(std::optional<Stop> stop) {
    if (!stop) {
        io_.run_one();
        return std::nullopt;
    }
    switch (*stop) {
    case Stop::limit:
        if (machine_->core().cycle >= limit_) {
            return End{"limit", "the limit is reached", exit_limit};
        }
        wait_until_due();
        return std::nullopt;
    case Stop::off:
        return End{"off", "the program has ended (CPUOFF)"};
    case Stop::asleep:
        return sleep();
    case Stop::bad_fetch:
        return crashed();
    case Stop::observer:
        return End{"violation", "ended at the violation", exit_violation};
    case Stop::breakpoint:
    case Stop::watched:
        return std::nullopt;
    }
    return std::nullopt;
}

std::optional<Session::End> Session::sleep() {
    const std::uint64_t next_input = inputs_.empty() ? never : inputs_.front().cycle;
    if (pacer_) {
        const std::uint64_t due = pacer_->due(machine_->core().cycle, Pacer::Clock::now());
        idle_until(std::min({due, next_input, limit_}));
    } else if (const std::uint64_t next = std::min(next_input, limit_); next != never) {
        if (next == next_input || !is_live()) {
            idle_until(next);
        }
    }
    if (machine_->core().cycle >= limit_) {
        return End{"limit", "the limit is reached", exit_limit};
    }
    if (!inputs_.empty()) {
        wait_until_due();
        return std::nullopt;
    }
    if (!is_live()) {
        return limit_ == never
                   ? std::optional(End{"asleep", "the program sleeps, and nothing will wake it"})
                   : std::nullopt;
    }
    if (pacer_) {
        wait_until_due();
    } else {
        io_.run_one();
    }
    return std::nullopt;
}

void Session::idle_until(std::uint64_t cycle) {
    Core& core = machine_->core();
    core.cycle = std::max(core.cycle, cycle);
    machine_->devices().advance(core.cycle);
}

/// Whether the core sleeps until a device wakes it, and not for as short as a byte takes on a line.
bool Session::waits_for_timer() {
    const Core& core = machine_->core();
    const std::uint64_t next = machine_->devices().next_event();
    return (core.r[reg::sr] & status::cpu_off) != 0 && next != never &&
           next > core.cycle + short_sleep();
}

void Session::wait_until_due() {
    const std::optional<Pacer>& pacer = waits_for_timer() && sleeper_ ? sleeper_ : pacer_;
    if (!pacer) {
        return;
    }
    const auto due = std::min(pacer->when(machine_->core().cycle), Pacer::Clock::now() + 10 * step);
    do {
        io_.run_one_until(std::max(due, Pacer::Clock::now() + step));
    } while (!signalled_ && Pacer::Clock::now() < due);
}

std::optional<Session::End> Session::crashed() const {
    const Core& core = machine_->core();
    const std::string at = place(firmware_.symbols, core.bad_fetch.value_or(core.r[reg::pc]));
    return End{"crashed",
               fmt::format("the program has left program memory: it fetches at {}", at),
               exit_crashed};
}

bool Session::is_live() const {
    return control_ != nullptr || (gdb_ != nullptr && gdb_->is_attached()) ||
           std::any_of(
               lines_.begin(), lines_.end(), [](const Line& line) { return line.end->live(); });
}

int Session::finish(const End& end) {
    const std::uint64_t cycle = machine_->core().cycle;
    if (gdb_port_ != nullptr) {
        gdb_port_->finish(end.status);
    }
    for (const Line& line : lines_) {
        line.port->drain(cycle);
        line.end->pump();
    }
    const auto deadline = Pacer::Clock::now() + linger;
    while (std::any_of(
               lines_.begin(), lines_.end(), [](const Line& line) { return !line.end->idle(); }) &&
           Pacer::Clock::now() < deadline) {
        io_.run_one_until(Pacer::Clock::now() + step);
    }
    reporter_.say("end",
                  fmt::format("{} in cycle {} at {}; violations: {}, resets: {}",
                              end.text,
                              cycle,
                              place(firmware_.symbols, machine_->core().r[reg::pc]),
                              watcher_->violations(),
                              watcher_->resets()),
                  {{"reason", end.reason},
                   {"cycle", cycle},
                   {"pc", machine_->core().r[reg::pc]},
                   {"violations", watcher_->violations()},
                   {"resets", watcher_->resets()},
                   {"status", end.status}});
    const int written = write_state();
    return written != 0 ? written : end.status;
}

int Session::write_state() {
    for (const Line& line : lines_) {
        if (const auto state = line.end->state(); !state) {
            return fail(state.error(), exit_failed);
        }
    }
    if (const auto flushed = physical_.flush(); !flushed) {
        return fail(flushed.error(), exit_failed);
    }
    if (const auto flushed = watcher_->flush(); !flushed) {
        return fail(flushed.error(), exit_failed);
    }
    if (options_.snapshot.empty()) {
        return 0;
    }
    const std::vector<std::uint8_t> snapshot = machine_->snapshot();
    std::ofstream file(options_.snapshot, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(snapshot.data()),
               static_cast<std::streamsize>(snapshot.size()));
    if (!file.flush()) {
        return fail(make_error("snapshot-unwritable",
                               options_.snapshot + " cannot be written",
                               "is the folder there, the disk not full?"),
                    exit_failed);
    }
    return 0;
}

int Session::fail(const Diagnostic& diagnostic, int status) const {
    reporter_.error(diagnostic);
    return status;
}

} // namespace authex::sancus_emulator
