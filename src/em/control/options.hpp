#pragma once
// The command line of authex-em.

#include <string>
#include <variant>

#include "em/control/server.hpp"

namespace authex::em {

struct ProgramOptions {
    ServerOptions server; ///< state_directory may be empty: the default for the port
    std::string tee = "native";
    std::string name; ///< for people; empty: the address
    std::string log_level = "info";
    bool stop_modules_on_exit = false;
    int ready_descriptor = -1; ///< gets one line of JSON when the manager serves
    std::filesystem::path ready_file;
};

/// What else a command line may come to: an exit status, after help, version or an error was
/// printed.
using ProgramExit = int;

/// Prints what --help and --version ask for on stdout (exit 0), and what is wrong on stderr (exit
/// 2).
[[nodiscard]] std::variant<ProgramOptions, ProgramExit> parse_options(int argc,
                                                                      const char* const* argv);

} // namespace authex::em
