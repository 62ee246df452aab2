#pragma once
// Which part may include what.                                                   (DESIGN "Parts")

#include <filesystem>
#include <string>
#include <vector>

namespace authex::architecture {

/// Reads the #include lines of all of `root`/src and `root`/sdk. @return one line a violation:
/// `file:line: what`, sorted; empty where the dependencies point the right way.
std::vector<std::string> violations(const std::filesystem::path& root);

/// How many files were read, so that nobody is satisfied with none.
std::size_t files_read(const std::filesystem::path& root);

} // namespace authex::architecture
