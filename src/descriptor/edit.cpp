#include "descriptor/edit.hpp"

#include <fmt/format.h>

namespace authex::descriptor {

Expected<std::string>
with_node_of(std::string_view text, const Module& module, const std::string& node) {
    std::size_t at = module.node.where.line == 0 ? std::string_view::npos : 0;
    for (unsigned line = 1; line < module.node.where.line && at != std::string_view::npos; ++line) {
        at = text.find('\n', at);
        at = at == std::string_view::npos ? at : at + 1;
    }
    if (at != std::string_view::npos && module.node.where.column > 0) {
        at += module.node.where.column - 1;
        const bool quoted = at < text.size() && (text[at] == '"' || text[at] == '\'');
        at += quoted ? 1 : 0;
        if (at <= text.size() && text.substr(at).starts_with(module.node.name)) {
            std::string edited(text);
            return edited.replace(at, module.node.name.size(), node);
        }
    }
    Diagnostic problem = make_error(
        "descriptor-not-edited",
        fmt::format("the node of module {} is not written where it could be changed", module.name),
        fmt::format("write `node: {}` there yourself, then run authex up", node));
    problem.where = module.node.where;
    return tl::make_unexpected(std::move(problem));
}

} // namespace authex::descriptor
