#pragma once
// What a module's host has kept, as its manager makes room for it and reads it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::process {

struct KeptCopy {
    std::vector<std::uint8_t> state;  ///< a frame of kind state; empty: nothing was ever kept
    std::vector<std::uint8_t> frames; ///< what was not taken before it
};

/// Room for what a module's host is going to keep, in the module's folder. What was kept before is
/// left; what lies there and is no such file at all is set aside. @param frames_bytes the most that
/// is kept at a time. @param durable it outlives power cuts, too. @error module-files
[[nodiscard]] Expected<bool>
make_kept(const std::filesystem::path& directory, std::size_t frames_bytes, bool durable = false);

/// Of the module whose folder this is. @error kept-state: the file is damaged, was when the present
/// process began and nothing was kept since, or is written all the time
[[nodiscard]] Expected<KeptCopy> read_kept(const std::filesystem::path& directory);

} // namespace authex::tee::process
