#pragma once
// From text to the checked model.                                            (DESIGN "Descriptor")

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/model.hpp"

namespace authex::descriptor {

class Findings;
/// What one TEE demands of a descriptor beyond what holds for all. Names may not resolve.
using Check = void (*)(const Descriptor& descriptor, Findings& findings);

struct ParseResult {
    std::optional<Descriptor> descriptor; ///< present exactly if there is no error among these
    std::vector<Diagnostic> diagnostics;  ///< errors and warnings, by line and column
};

/// Reads YAML 1.2 or JSON (which is YAML). All errors are found in one run, at most 1,000. Lines
/// and columns count from 1, columns in bytes. `file_name` is what diagnostics and the model call
/// the text; no file is opened. Refuses texts above 1 MiB, 24 levels, or 20,000 elements (aliases
/// expanded).
[[nodiscard]] ParseResult parse(std::string_view text, std::string file_name, Check more = nullptr);

/// Reads the file and checks besides that each module's sources exist.
/// @error unreadable-file, as a diagnostic of the file as a whole, besides those of parse().
[[nodiscard]] ParseResult load(const std::filesystem::path& file, Check more = nullptr);

} // namespace authex::descriptor
