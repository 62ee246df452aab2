#pragma once

#include <filesystem>
#include <string>

#include "base/diagnostic.hpp"

namespace authex::cli {

/// Makes a new application in a folder that is empty or not there: descriptor, two modules, owner
/// key. @return its name.
/// @error folder-not-empty | file-unwritable
Expected<std::string> make_application(const std::filesystem::path& folder);

} // namespace authex::cli
