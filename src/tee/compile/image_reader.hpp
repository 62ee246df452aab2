#pragma once
// Reads what a linked image says of its module: endpoints (names, kinds, and ids, which are their
// order), and the layout of its state.

#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/endpoint.hpp"
#include "tee/state_layout.hpp"

namespace authex::tee::compile {

/// @error image-malformed: no ELF, or its section `authex_endpoints` does not hold whole records |
/// endpoint-duplicate | too-many-endpoints
Expected<std::vector<descriptor::Endpoint>> read_endpoints(const std::filesystem::path& image);

/// A symbol's name as the source has it: C++ with its namespaces, but for unnamed ones.
[[nodiscard]] std::string source_name(const std::string& symbol);

/// Whether it has any state.
Expected<bool> has_state(const std::filesystem::path& image);
/// @param image with symbols
/// @error image-malformed
Expected<StateLayout> read_state(const std::filesystem::path& image);

} // namespace authex::tee::compile
