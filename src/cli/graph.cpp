#include "cli/graph.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/filter.hpp"

namespace authex::cli {
namespace {

/// One arrow. Ends are indices into the descriptor's modules; none: the deployer, or a node's
/// clock.
struct Edge {
    enum class Kind : std::uint8_t { ordered, lossy, direct, periodic };
    Kind kind = Kind::ordered;
    std::size_t from = 0; ///< of ordered and lossy
    std::size_t to = 0;
    std::string label;
};

std::size_t index_of(const descriptor::Descriptor& descriptor, const std::string& module) {
    return static_cast<std::size_t>(descriptor.find_module(module) - descriptor.modules.data());
}

std::string endpoint_of(const descriptor::EndpointReference& reference) {
    return reference.id ? std::to_string(*reference.id) : reference.endpoint;
}

std::string period_text(std::chrono::microseconds every) {
    constexpr std::int64_t ms = 1000;
    constexpr std::int64_t s = 1000 * ms;
    const std::int64_t us = every.count();
    return us % s == 0    ? fmt::format("{} s", us / s)
           : us % ms == 0 ? fmt::format("{} ms", us / ms)
                          : fmt::format("{} µs", us);
}

std::vector<Edge> edges_of(const descriptor::Descriptor& descriptor) {
    std::vector<Edge> edges;
    for (const descriptor::Connection& each : descriptor.connections) {
        const std::size_t to = index_of(descriptor, each.to.module);
        if (each.direct()) {
            const bool named = each.name.find("->") == std::string::npos;
            edges.push_back({.kind = Edge::Kind::direct,
                             .to = to,
                             .label = named ? fmt::format("{}: {}", each.name, endpoint_of(each.to))
                                            : endpoint_of(each.to)});
            continue;
        }
        edges.push_back(
            {.kind = each.delivery == descriptor::Delivery::lossy ? Edge::Kind::lossy
                                                                  : Edge::Kind::ordered,
             .from = index_of(descriptor, each.from->module),
             .to = to,
             .label = fmt::format("{} → {}", endpoint_of(*each.from), endpoint_of(each.to))});
    }
    for (const descriptor::Periodic& each : descriptor.periodic) {
        edges.push_back({.kind = Edge::Kind::periodic,
                         .to = index_of(descriptor, each.entry.module),
                         .label = fmt::format(
                             "{} every {}", endpoint_of(each.entry), period_text(each.every))});
    }
    return edges;
}

bool has(const std::vector<Edge>& edges, Edge::Kind kind) {
    return std::any_of(
        edges.begin(), edges.end(), [kind](const Edge& edge) { return edge.kind == kind; });
}

std::string node_label(const descriptor::Node& node) {
    return fmt::format("{} · {} · {}", node.name, to_string(node.tee), to_string(node.address));
}

std::string module_label(const descriptor::Module& module, const char* line_break) {
    std::string label = module.name;
    for (const descriptor::Reference& device : module.devices) {
        label += fmt::format("{}⎓ {}", line_break, device.name);
    }
    return label;
}

const char* dot_style(Edge::Kind kind) {
    switch (kind) {
    case Edge::Kind::ordered:
        return "";
    case Edge::Kind::lossy:
        return ", style=dashed";
    case Edge::Kind::direct:
        return ", color=\"#2266aa\", fontcolor=\"#2266aa\"";
    case Edge::Kind::periodic:
        return ", style=dotted, color=\"#777777\", fontcolor=\"#777777\"";
    }
    return "";
}

} // namespace

std::string graph_dot(const descriptor::Descriptor& descriptor) {
    const std::vector<Edge> edges = edges_of(descriptor);
    std::string text = fmt::format("digraph \"{}\" {{\n"
                                   "    rankdir=LR;\n"
                                   "    graph [fontname=\"sans-serif\", fontsize=11];\n"
                                   "    node [fontname=\"sans-serif\", fontsize=12, shape=box, "
                                   "style=\"rounded,filled\", fillcolor=white];\n"
                                   "    edge [fontname=\"sans-serif\", fontsize=10];\n",
                                   descriptor.application);
    if (has(edges, Edge::Kind::direct)) {
        text += "    deployer [shape=plain, style=\"\"];\n";
    }
    if (has(edges, Edge::Kind::periodic)) {
        text += "    clock [shape=plain, style=\"\"];\n";
    }
    for (std::size_t n = 0; n < descriptor.nodes.size(); ++n) {
        const descriptor::Node& node = descriptor.nodes[n];
        text += fmt::format("    subgraph cluster_{} {{\n"
                            "        label=\"{}\"; style=\"rounded,filled\"; color=\"#cccccc\"; "
                            "fillcolor=\"#f4f4f4\";\n",
                            n,
                            node_label(node));
        for (std::size_t m = 0; m < descriptor.modules.size(); ++m) {
            if (descriptor.modules[m].node.name == node.name) {
                text += fmt::format(
                    "        m{} [label=\"{}\"];\n", m, module_label(descriptor.modules[m], "\\n"));
            }
        }
        text += "    }\n";
    }
    for (const Edge& edge : edges) {
        const std::string from = edge.kind == Edge::Kind::direct ? "deployer"
                                 : edge.kind == Edge::Kind::periodic
                                     ? "clock"
                                     : fmt::format("m{}", edge.from);
        text += fmt::format(
            "    {} -> m{} [label=\"{}\"{}];\n", from, edge.to, edge.label, dot_style(edge.kind));
    }
    return text + "}\n";
}

std::string graph_mermaid(const descriptor::Descriptor& descriptor) {
    const std::vector<Edge> edges = edges_of(descriptor);
    std::string text = "flowchart LR\n";
    if (has(edges, Edge::Kind::direct)) {
        text += "    deployer([\"deployer\"])\n";
    }
    if (has(edges, Edge::Kind::periodic)) {
        text += "    clock([\"clock\"])\n";
    }
    for (std::size_t n = 0; n < descriptor.nodes.size(); ++n) {
        const descriptor::Node& node = descriptor.nodes[n];
        text += fmt::format("    subgraph n{}[\"{}\"]\n", n, node_label(node));
        for (std::size_t m = 0; m < descriptor.modules.size(); ++m) {
            if (descriptor.modules[m].node.name == node.name) {
                text += fmt::format(
                    "        m{}[\"{}\"]\n", m, module_label(descriptor.modules[m], "<br>"));
            }
        }
        text += "    end\n";
    }
    for (const Edge& edge : edges) {
        const bool module = edge.kind == Edge::Kind::ordered || edge.kind == Edge::Kind::lossy;
        const std::string from = module                            ? fmt::format("m{}", edge.from)
                                 : edge.kind == Edge::Kind::direct ? "deployer"
                                                                   : "clock";
        const bool solid = edge.kind == Edge::Kind::ordered || edge.kind == Edge::Kind::direct;
        text += fmt::format(
            "    {} {}|\"{}\"| m{}\n", from, solid ? "-->" : "-.->", edge.label, edge.to);
    }
    return text;
}

Expected<std::string> graph_svg(const descriptor::Descriptor& descriptor) {
    const auto result = run_filter({"dot", "-Tsvg"}, graph_dot(descriptor));
    if (!result) {
        return failure("graphviz-missing",
                       "an SVG is drawn by Graphviz, and its program dot is not installed",
                       "apt-get install graphviz, or choose --format dot or mermaid");
    }
    if (result->status != 0) {
        return failure("graphviz-failed",
                       fmt::format("dot ended with status {}", result->status),
                       "see what it says above, or choose --format dot or mermaid");
    }
    return result->output;
}

} // namespace authex::cli
