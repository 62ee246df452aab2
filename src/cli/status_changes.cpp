#include "cli/status_changes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/terminal.hpp"

namespace authex::cli {
namespace {

using deployer::ConnectionStatus;
using deployer::ModuleStatus;
using deployer::NodeStatus;

/// The element of that name, or one that has nothing.
template <typename T>
T named(const std::vector<T>& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const T& each) { return each.name == name; });
    return found == list.end() ? T{.name = name} : *found;
}

std::string with_reason(const std::string& line, const std::string& reason) {
    return reason.empty() ? line : line + ": " + reason;
}

void compare(const NodeStatus& before, const NodeStatus& after, std::vector<std::string>& lines) {
    if (before.reachable != after.reachable || before.problem != after.problem) {
        lines.push_back(with_reason(
            fmt::format("node {} {}", after.name, after.reachable ? "reachable" : "unreachable"),
            harmless(after.problem)));
    }
}

void compare(const ModuleStatus& before,
             const ModuleStatus& after,
             std::vector<std::string>& lines) {
    if (before.state != after.state || before.failure != after.failure) {
        lines.push_back(with_reason(fmt::format("module {} {} → {}",
                                                after.name,
                                                before.state.empty() ? "unknown" : before.state,
                                                after.state),
                                    harmless(after.failure)));
    }
    if (before.attested_at != after.attested_at) {
        lines.push_back(fmt::format(
            "module {} {}", after.name, after.attested_at ? "attested" : "not attested any more"));
    }
}

void compare(const ConnectionStatus& before,
             const ConnectionStatus& after,
             std::vector<std::string>& lines) {
    std::string changes;
    const auto note = [&](const char* what, std::uint64_t was, std::uint64_t is) {
        if (was != is) {
            changes += fmt::format("{}{} {} → {}", changes.empty() ? "" : ", ", what, was, is);
        }
    };
    note("epoch", before.epoch, after.epoch);
    note("sent", before.sent, after.sent);
    note("accepted", before.accepted, after.accepted);
    note("refused", before.refused, after.refused);
    note("waiting", before.waiting, after.waiting);
    if (!changes.empty()) {
        lines.push_back(fmt::format("connection {} {}", after.name, changes));
    }
}

} // namespace

std::vector<std::string> status_changes(const deployer::Status& before,
                                        const deployer::Status& after) {
    std::vector<std::string> lines;
    const auto each = [&](const auto& old_list, const auto& new_list) {
        for (const auto& now : new_list) {
            compare(named(old_list, now.name), now, lines);
        }
    };
    each(before.nodes, after.nodes);
    each(before.modules, after.modules);
    each(before.connections, after.connections);
    return lines;
}

} // namespace authex::cli
