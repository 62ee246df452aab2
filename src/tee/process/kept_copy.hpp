#pragma once
// What a module's host has kept, as its manager reads it.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::process {

struct KeptCopy {
    std::vector<std::uint8_t> state;  ///< a frame of kind state; empty: nothing was ever kept
    std::vector<std::uint8_t> frames; ///< what the same invocation has left before it
};

/// Of the module whose folder this is. @error kept-state: the file is damaged, or is written all
/// the time
[[nodiscard]] Expected<KeptCopy> read_kept(const std::filesystem::path& directory);

} // namespace authex::tee::process
