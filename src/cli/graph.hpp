#pragma once
// The application as a picture: nodes, the modules on them, and what joins these.

#include <string>

#include "base/diagnostic.hpp"
#include "descriptor/model.hpp"

namespace authex::cli {

/// The DOT language of Graphviz.
[[nodiscard]] std::string graph_dot(const descriptor::Descriptor& descriptor);
/// A Mermaid flowchart, as Markdown on many sites shows it.
[[nodiscard]] std::string graph_mermaid(const descriptor::Descriptor& descriptor);
/// An SVG, drawn by Graphviz' `dot`. @error graphviz-missing | graphviz-failed
[[nodiscard]] Expected<std::string> graph_svg(const descriptor::Descriptor& descriptor);

} // namespace authex::cli
