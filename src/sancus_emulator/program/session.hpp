#pragma once
// One run of a firmware on a board: the machine, what is attached to it, and the time that passes.

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include "sancus_emulator/board.hpp"
#include "sancus_emulator/loader.hpp"
#include "sancus_emulator/physical_trace.hpp"
#include "sancus_emulator/program/control.hpp"
#include "sancus_emulator/program/gdb_port.hpp"
#include "sancus_emulator/program/options.hpp"
#include "sancus_emulator/program/panel.hpp"
#include "sancus_emulator/program/serial_ends.hpp"
#include "sancus_emulator/program/watcher.hpp"

namespace authex::sancus_emulator {

/// Says which cycle it should be by now.
class Pacer {
  public:
    using Clock = std::chrono::steady_clock;

    /// @param hz cycles in a second, not 0
    Pacer(std::uint64_t hz, std::uint64_t cycle, Clock::time_point now)
        : hz_(hz), start_cycle_(cycle), start_(now) {}
    /// A machine that is more than a tenth of a second late does not catch up: from `cycle` on it
    /// is in time again.
    [[nodiscard]] std::uint64_t due(std::uint64_t cycle, Clock::time_point now);
    [[nodiscard]] Clock::time_point when(std::uint64_t cycle) const;
    /// One that is more than a tenth of a second early is in time from here on, too.
    void forgive(std::uint64_t cycle, Clock::time_point now);

  private:
    std::uint64_t hz_;
    std::uint64_t start_cycle_;
    Clock::time_point start_;
};

class Session {
  public:
    /// Prepares everything. What is wrong is reported. @return nullptr, and the exit status
    static std::unique_ptr<Session> open(const Options& options, int& exit_status);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    /// Runs to the end. @return the exit status
    int run();

    [[nodiscard]] Machine& machine() { return *machine_; }
    [[nodiscard]] const Symbols& symbols() const { return firmware_.symbols; }
    [[nodiscard]] asio::io_context& io() { return io_; }
    /// @param driver takes the place of the one that lets the machine run. Borrowed.
    void drive(Driver& driver) { driver_ = &driver; }

  private:
    struct End {
        std::string reason; ///< a word for programs
        std::string text;
        int status = exit_ended;
    };

    explicit Session(const Options& options);
    /// The steps of open(). @return the exit status, 0: done
    int open_board();
    int open_machine();
    int open_outputs();
    int open_lines();
    int open_control();
    int open_gdb();
    int open_state();
    int fail(const Diagnostic& diagnostic, int status) const;
    [[nodiscard]] std::string end_of_line(const NamedPort& port) const;

    [[nodiscard]] std::uint64_t next_target();
    void give_inputs();
    std::optional<End> after(std::optional<Stop> stop);
    std::optional<End> sleep();
    std::optional<End> crashed() const;
    /// Lets time pass while the core sleeps.
    void idle_until(std::uint64_t cycle);
    void wait_until_due();
    [[nodiscard]] bool waits_for_timer();
    [[nodiscard]] std::uint64_t short_sleep() const { return board_.clock_hz / 500; }
    [[nodiscard]] bool is_live() const;
    int finish(const End& end);
    int write_state();

    Options options_;
    Reporter reporter_;
    asio::io_context io_;
    asio::signal_set signals_;
    bool signalled_ = false;
    Board board_;
    Firmware firmware_;
    PhysicalTrace physical_;
    std::vector<NamedPort> ports_;
    std::unique_ptr<Machine> machine_;
    std::unique_ptr<Watcher> watcher_;
    std::unique_ptr<Panel> panel_;
    std::unique_ptr<ControlServer> control_;
    std::unique_ptr<gdb::Server> gdb_;
    std::unique_ptr<GdbPort> gdb_port_;
    Driver* driver_ = nullptr;
    struct Line {
        SerialPort* port;
        std::unique_ptr<HostEnd> end;
    };
    std::vector<Line> lines_;
    std::deque<PhysicalEvent> inputs_; ///< still to be given
    std::optional<Pacer> pacer_;
    std::optional<Pacer> sleeper_; ///< of --sleep-in-time
    std::uint64_t limit_ = never;
};

} // namespace authex::sancus_emulator
