#pragma once
// The images that are deployed, kept for as long as the state names them: what a node has lost is
// loaded there again as it was, without its sources.
//
//   <state directory>/images/SHA256      in hexadecimal; content never changes

#include <cstdint>
#include <filesystem>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::deployer {

/// The file that has, or would have, the image with this digest.
[[nodiscard]] std::filesystem::path kept_image(const std::filesystem::path& folder,
                                               ByteView sha256);
/// Copies the image into the folder, which is made where it is missing; one that is there already
/// stays. @error file-unwritable
Expected<bool> keep_image(const std::filesystem::path& folder,
                          const std::filesystem::path& image,
                          ByteView sha256);
/// Removes all others.
void keep_only(const std::filesystem::path& folder,
               const std::set<std::vector<std::uint8_t>>& digests);

} // namespace authex::deployer
