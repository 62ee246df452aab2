#pragma once
// A YAML text as a tree that knows where everything stands. The meaning is given to it in
// parse*.cpp.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/findings.hpp"

namespace authex::descriptor {

struct Element;
/// Shared, because an alias is the element that it names. Never null, never a cycle.
using ElementPointer = std::shared_ptr<const Element>;

struct Entry {
    ElementPointer key; ///< a scalar
    ElementPointer value;
};

struct Element {
    enum class Kind : std::uint8_t { null, scalar, list, map };

    Kind kind = Kind::null;
    bool quoted = false;
    std::string text;                  ///< of a scalar
    std::vector<ElementPointer> items; ///< of a list
    std::vector<Entry> entries;        ///< of a map; keys are unique, merges are done
    SourceRange where;
    std::size_t elements = 1; ///< itself and all below, aliases counted each time
};

constexpr std::size_t text_bytes_max = 1U << 20U;
constexpr std::size_t depth_max = 24;
constexpr std::size_t elements_max = 20000;

/// Reads one document. Duplicate keys are reported and the first is kept.
/// @return nullptr if the text is no YAML or beyond a limit; then an error was reported.
[[nodiscard]] ElementPointer
read_tree(std::string_view text, const std::string& file, Findings& findings);

} // namespace authex::descriptor
