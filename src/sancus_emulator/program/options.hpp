#pragma once
// The command line of `authex-sancus`.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/diagnostic.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace authex::sancus_emulator {

/// Exit statuses. They are part of the interface (docs/sancus-emulator.md).
constexpr int exit_ended = 0;     ///< the program has ended, or a signal has ended the emulator
constexpr int exit_failed = 1;    ///< a file or socket failed; a golden file differs
constexpr int exit_usage = 2;     ///< the command line, the board or the firmware is wrong
constexpr int exit_violation = 3; ///< --stop-on-violation
constexpr int exit_limit = 4;     ///< --cycles or --seconds
constexpr int exit_crashed = 5;   ///< the program fetches where no program memory is

/// Which board, with which key.
struct NodeOptions {
    std::string board = "default";
    std::string key; ///< hexadecimal; empty: the board's
    std::string key_file;
};

struct Options {
    std::string firmware; ///< empty: none
    NodeOptions node;
    std::string core; ///< base | legacy | aion; empty: the board's
    bool rtl_quirks = false;
    bool cpu_off_ends = false;
    bool stop_on_violation = false;
    std::uint64_t hz = 0; ///< 0: as fast as possible
    bool board_hz = false;
    bool sleep_in_time = false; ///< where hz is 0
    bool deterministic = false;
    std::optional<std::uint64_t> seed;
    std::optional<std::uint64_t> cycles;
    std::optional<double> seconds;
    std::vector<std::string> serial; ///< NAME=END
    std::string control;
    std::string inputs;
    std::string physical;
    std::string trace;
    std::string gdb; ///< [HOST:]PORT; empty: no debugger
    std::string snapshot;
    std::string restore;
    std::vector<std::string> golden;
    bool json = false;
    bool quiet = false;
};

struct ControlOptions {
    std::string path;
    std::vector<std::string> words;
    bool json = false;
    std::uint32_t timeout_s = 10;
};

struct BoardOptions {
    std::string name; ///< empty: list what is built in
    bool json = false;
};

struct KeysOptions {
    std::string firmware; ///< empty: none
    NodeOptions node;
    std::uint16_t vendor = 0;
    bool json = false;
};

/// What is to be done, or the exit status where all is said already.
using Task = std::variant<Options, ControlOptions, BoardOptions, KeysOptions, int>;

/// Everything that the command line knows, for parsing and for the manual.
struct CommandLine {
    Options run;
    ControlOptions control;
    BoardOptions board;
    KeysOptions keys;
    CLI::App* control_command = nullptr;
    CLI::App* board_command = nullptr;
    CLI::App* keys_command = nullptr;
};
/// @param line lives as long as `app`
void declare(CLI::App& app, CommandLine& line);

/// Prints help, version and errors.
Task parse_options(int argc, const char* const* argv);

} // namespace authex::sancus_emulator
