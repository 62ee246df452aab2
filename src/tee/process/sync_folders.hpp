#pragma once
// That the disk knows files by their names.

#include <filesystem>

namespace authex::tee::process {

/// Waits until the disk has the entries of the folder and of those above it, `levels` in all.
/// @return false: errno says why
[[nodiscard]] bool sync_folders(std::filesystem::path folder, int levels);

} // namespace authex::tee::process
