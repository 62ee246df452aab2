#pragma once
// Reads the endpoint records of a linked image: names, kinds, and ids (their order).

#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/endpoint.hpp"

namespace authex::tee::compile {

/// @error image-malformed: no ELF, or its section `authex_endpoints` does not hold whole records |
/// endpoint-duplicate
Expected<std::vector<descriptor::Endpoint>> read_endpoints(const std::filesystem::path& image);

} // namespace authex::tee::compile
