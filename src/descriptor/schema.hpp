#pragma once
// The descriptor as a JSON Schema, for editors.                       (JSON Schema draft-07, which
// the YAML language server takes)
//
// It says of each value what the parser says of it alone: names, types, ranges, keys. What only the
// whole shows (references, duplicates, cycles) it leaves to `authex check`. tests/descriptor holds
// it and the parser against the same descriptors.

#include <string_view>

namespace authex::descriptor {

/// One JSON document, ending in a newline.
[[nodiscard]] std::string_view schema();

} // namespace authex::descriptor
