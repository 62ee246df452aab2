#pragma once
// Runs the pinned compiler and linker.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::compile {

/// What a finished command left behind.
struct CommandResult {
    int status = 0;     ///< exit status; 128 + signal where it was killed
    std::string output; ///< stdout and stderr together
};

/// Runs `arguments[0]` (found on PATH) in `directory`, waits, never through a shell. Thread-safe.
/// @error compiler-missing: the program could not be started
Expected<CommandResult> run_command(const std::vector<std::string>& arguments,
                                    const std::filesystem::path& directory);

/// SHA-256, 32 bytes.
std::vector<std::uint8_t> sha256(std::string_view bytes);
/// SHA-256 as lower-case hex.
std::string sha256_hex(std::string_view bytes);
/// Whole file, or an error "file-unreadable".
Expected<std::string> read_file(const std::filesystem::path& path);
/// Writes through a temporary name in the same folder, so that readers see the old or the new file,
/// never half of one.
Expected<bool> write_file(const std::filesystem::path& path, std::string_view bytes);

} // namespace authex::tee::compile
