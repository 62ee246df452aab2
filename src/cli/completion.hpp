#pragma once

#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace authex::cli {

/// The completion script of a shell, made from the commands and options that parse_arguments()
/// takes.
/// @pre shell is bash, zsh or fish
[[nodiscard]] std::string completion_script(const std::string& shell);

/// The same of any program, from its parser.
[[nodiscard]] std::string
completion_script(const CLI::App& app, const std::string& program, const std::string& shell);

} // namespace authex::cli
