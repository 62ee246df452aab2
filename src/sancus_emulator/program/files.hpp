#pragma once
// Files that are named on the command line.

#include <string>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::sancus_emulator {

/// @error file-unreadable: no regular file of at most 256 MiB
Expected<std::string> read_file(const std::string& name);

/// Of the same life as `text`.
[[nodiscard]] ByteView view(const std::string& text);

} // namespace authex::sancus_emulator
