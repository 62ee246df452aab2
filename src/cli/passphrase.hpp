#pragma once
// A passphrase: from a file, from standard input, or asked for on the terminal without being shown.
// Never from an argument or the environment, which others may see.

#include <filesystem>
#include <string>

#include "base/diagnostic.hpp"

namespace authex::cli {

/// @param file empty: ask; "-": the first line of standard input.
/// @param twice ask again, to be sure.
/// @error payload-passphrase: none, or not the same twice | file-unreadable
[[nodiscard]] Expected<std::string> read_passphrase(const std::filesystem::path& file, bool twice);

} // namespace authex::cli
