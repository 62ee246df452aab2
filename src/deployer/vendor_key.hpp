#pragma once
// The vendor key of a Sancus node, as the descriptor names its file.

#include <array>
#include <filesystem>

#include "base/diagnostic.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {

/// The file holds 32 hexadecimal digits, or 16 bytes. It must be readable by its owner alone,
/// unless it is derived from the key that the Sancus tools publish.
/// @param folder that the file's name is relative to
/// @error file-unreadable | file-readable-by-others | vendor-key-malformed
Expected<std::array<std::uint8_t, 16>> read_vendor_key(const descriptor::Vendor& vendor,
                                                       const std::filesystem::path& folder);

} // namespace authex::deployer
