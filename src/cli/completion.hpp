#pragma once

#include <string>

namespace authex::cli {

/// The completion script of a shell, made from the commands and options that parse_arguments()
/// takes.
/// @pre shell is bash, zsh or fish
[[nodiscard]] std::string completion_script(const std::string& shell);

} // namespace authex::cli
