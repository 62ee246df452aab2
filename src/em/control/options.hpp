#pragma once
// The command line of authex-em.

#include <string>
#include <variant>

#include "em/control/server.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace authex::em {

/// Where the microcontroller of a Sancus node is: on a serial line, or emulated.
struct SancusOptions {
    std::filesystem::path serial; ///< a serial device, or the Unix socket of an emulator
    std::uint32_t baud = 57'600;
    bool emulator = false;
    std::string board = "default";  ///< of the emulator: a name or a file
    std::filesystem::path firmware; ///< empty: the one that is installed
    std::uint64_t hz = 0;           ///< 0: as fast as possible
};

struct ProgramOptions {
    ServerOptions server; ///< state_directory may be empty: the default for the port
    std::string tee = "native";
    SancusOptions sancus;
    bool simulate = false;      ///< SGX, TrustZone: without the hardware
    bool hide_enclaves = false; ///< SGX, simulated: from the rest of their processes
    std::filesystem::path ta_folder = "/lib/optee_armtz"; ///< TrustZone: of tee-supplicant
    /// TrustZone: `device`, `libteec` or the path of such a library; empty: the device where there
    /// is one, else libteec.
    std::string tee_client;
    std::filesystem::path ta_key; ///< simulated TrustZone: whose TAs it loads; empty: anybody's
    std::string name;             ///< for people; empty: the address
    std::string log_level = "info";
    bool stop_modules_on_exit = false;
    int ready_descriptor = -1; ///< gets one line of JSON when the manager serves
    std::filesystem::path ready_file;
};

/// What the parser fills in; options that need a look at others are joined after it.
struct CommandLine {
    ProgramOptions options;
    std::string tls_folder;
    std::string certificate;
    std::string key;
    std::string authority;
    std::uint64_t spill_mib = 1024;
};

/// Declares all options on `app`, to be parsed into `line`; both must outlive the parse.
void declare(CLI::App& app, CommandLine& line);

/// What else a command line may come to: an exit status, after help, version or an error was
/// printed.
using ProgramExit = int;

/// Prints what --help and --version ask for on stdout (exit 0), and what is wrong on stderr (exit
/// 2).
[[nodiscard]] std::variant<ProgramOptions, ProgramExit> parse_options(int argc,
                                                                      const char* const* argv);

} // namespace authex::em
