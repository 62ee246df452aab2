#pragma once
// Changes to the text of a descriptor that leave all else in it as it stands.

#include <string>
#include <string_view>

#include "base/diagnostic.hpp"
#include "descriptor/model.hpp"

namespace authex::descriptor {

/// The text with another node for the module. @param text what `module` was parsed from
/// @error descriptor-not-edited: the name of its node does not stand there, as behind an alias
Expected<std::string>
with_node_of(std::string_view text, const Module& module, const std::string& node);

} // namespace authex::descriptor
