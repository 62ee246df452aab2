#include "cli/views.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "cli/payload.hpp"

namespace authex::cli {
namespace {

constexpr std::size_t identity_digits = 16;

std::string line_of(const std::string& file, unsigned number) {
    std::ifstream stream(file);
    std::string line;
    for (unsigned i = 0; i < number && std::getline(stream, line); ++i) {
    }
    return stream ? line : std::string();
}

std::string excerpt(const SourceRange& where, const Terminal& terminal) {
    const std::string line = where.line == 0 ? std::string() : line_of(where.file, where.line);
    if (line.empty() || where.column == 0 || where.column > line.size() + 1) {
        return {};
    }
    const std::string number = std::to_string(where.line);
    const std::size_t room = line.size() + 1 - where.column;
    const std::size_t length =
        std::clamp<std::size_t>(where.length, 1, std::max<std::size_t>(room, 1));
    // Bytes of UTF-8 that continue a character take no column.
    const auto columns = [&line](std::size_t begin, std::size_t end) {
        return static_cast<std::size_t>(
            std::count_if(line.begin() + static_cast<std::ptrdiff_t>(begin),
                          line.begin() + static_cast<std::ptrdiff_t>(std::min(end, line.size())),
                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
    };
    const std::size_t at = where.column - 1;
    const std::size_t before = columns(0, at);
    const std::size_t marked = std::max<std::size_t>(columns(at, at + length), 1);
    const std::string bar = terminal.paint(Colour::dim, " │ ");
    return fmt::format("\n  {}{}{}\n  {}{}{}{}",
                       terminal.paint(Colour::dim, number),
                       bar,
                       line,
                       std::string(number.size(), ' '),
                       bar,
                       std::string(before, ' '),
                       terminal.paint(Colour::red, std::string(marked, '^')));
}

std::string severity_text(Severity severity, const Terminal& terminal) {
    switch (severity) {
    case Severity::error:
        return terminal.paint(Colour::red, "error");
    case Severity::warning:
        return terminal.paint(Colour::yellow, "warning");
    case Severity::note:
        return terminal.paint(Colour::blue, "note");
    }
    return "error";
}

std::string indented(const std::string& text) {
    std::string result = "\n  ";
    for (const char c : text) {
        result += c;
        if (c == '\n') {
            result += "  ";
        }
    }
    return result;
}

std::string state_text(const std::string& state, const Terminal& terminal) {
    if (state == "running") {
        return terminal.paint(Colour::green, state);
    }
    const bool bad = state == "failed" || state == "unknown" || state == "quarantined";
    return terminal.paint(bad ? Colour::red : Colour::yellow, state);
}

nlohmann::json to_json(const std::optional<descriptor::Deadline>& deadline) {
    if (!deadline) {
        return nullptr;
    }
    return {{"within_us", deadline->within.count()},
            {"late", deadline->drops ? "dropped" : "marked"},
            {"clock", deadline->by_modules ? "modules" : "nodes"}};
}

nlohmann::json time_or_null(const std::optional<std::chrono::system_clock::time_point>& time) {
    return time ? nlohmann::json(time_text(*time)) : nlohmann::json(nullptr);
}

/// Like time_text(), for people: without the T and the milliseconds.
std::string short_time(std::chrono::system_clock::time_point time) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string nodes_table(const deployer::Status& status, const Terminal& terminal) {
    Table nodes({"NODE", "TEE", "ADDRESS", "STATE", ""});
    for (const deployer::NodeStatus& node : status.nodes) {
        nodes.add({node.name,
                   node.tee,
                   node.address,
                   node.reachable ? terminal.paint(Colour::green, "reachable")
                                  : terminal.paint(Colour::red, "unreachable"),
                   node.simulated ? "simulated" : ""});
    }
    return nodes.text(terminal);
}

std::string remarks(const deployer::ModuleStatus& module) {
    const std::string kept = module.kept.empty() ? "" : "state kept, " + module.kept;
    const bool both = module.simulated && !kept.empty();
    return (module.simulated ? "simulated" : "") + std::string(both ? "; " : "") + kept;
}

std::string modules_table(const deployer::Status& status, bool verbose, const Terminal& terminal) {
    Table modules({"MODULE", "NODE", "STATE", "IDENTITY", "ATTESTED", ""});
    for (const deployer::ModuleStatus& module : status.modules) {
        const std::string identity = to_hex(module.identity);
        modules.add({module.name,
                     module.node,
                     state_text(module.state, terminal),
                     verbose ? identity : identity.substr(0, identity_digits),
                     module.attested_at ? short_time(*module.attested_at) : "no",
                     remarks(module)});
    }
    return modules.text(terminal);
}

std::string connections_table(const deployer::Status& status, const Terminal& terminal) {
    Table connections(
        {"ID", "FROM", "TO", "NAME", "CIPHER", "EPOCH", "SENT", "ACCEPTED", "REFUSED", "WAITING"});
    for (const deployer::ConnectionStatus& connection : status.connections) {
        const std::string refused = std::to_string(connection.refused);
        connections.add(
            {std::to_string(connection.id),
             connection.from,
             connection.to,
             // The name that a connection has by itself would say both ends again.
             connection.name == connection.from + "->" + connection.to ? "" : connection.name,
             connection.encryption + (connection.delivery == "lossy" ? " lossy" : ""),
             connection.epoch == 0 ? "–" : std::to_string(connection.epoch),
             std::to_string(connection.sent),
             std::to_string(connection.accepted),
             connection.refused == 0 ? refused : terminal.paint(Colour::yellow, refused),
             std::to_string(connection.waiting)});
    }
    return connections.empty() ? std::string() : "\n" + connections.text(terminal);
}

std::string troubles(const deployer::Status& status, const Terminal& terminal) {
    std::string text;
    for (const deployer::NodeStatus& node : status.nodes) {
        if (!node.problem.empty()) {
            text += fmt::format(
                "\n{} {}\n", terminal.paint(Colour::red, node.name + ":"), harmless(node.problem));
        }
    }
    for (const deployer::ModuleStatus& module : status.modules) {
        if (!module.quarantined.empty()) {
            text += fmt::format("\n{} cut off from all others: {}\n",
                                terminal.paint(Colour::red, module.name + ":"),
                                harmless(module.quarantined));
        }
        if (!module.held_up.empty()) {
            text += fmt::format("\n{} what it says waits on its node: {}\n",
                                terminal.paint(Colour::red, module.name + ":"),
                                harmless(module.held_up));
        }
        if (module.failure.empty()) {
            continue;
        }
        text += fmt::format(
            "\n{} {}\n", terminal.paint(Colour::red, module.name + ":"), harmless(module.failure));
        for (const std::string& line : module.last_lines) {
            text += "  " + harmless(line) + "\n";
        }
    }
    return text;
}

} // namespace

std::string time_text(std::chrono::system_clock::time_point time) {
    const auto milliseconds = std::chrono::time_point_cast<std::chrono::milliseconds>(time);
    const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(milliseconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                       (milliseconds - seconds).count());
}

std::string diagnostic_text(const Diagnostic& diagnostic, const Terminal& terminal) {
    const SourceRange& where = diagnostic.where;
    std::string text;
    if (!where.file.empty()) {
        const std::string place =
            where.line == 0 ? where.file
                            : fmt::format("{}:{}:{}", where.file, where.line, where.column);
        text = terminal.paint(Colour::bold, place + ": ");
    }
    text += severity_text(diagnostic.severity, terminal) + ": " + diagnostic.summary;
    text += excerpt(where, terminal);
    if (!diagnostic.detail.empty()) {
        text += indented(diagnostic.detail);
    }
    if (!diagnostic.fix.empty()) {
        text += "\n  " + terminal.paint(Colour::green, "fix:") + " " + diagnostic.fix;
    }
    return text;
}

nlohmann::json diagnostics_json(const std::vector<Diagnostic>& diagnostics) {
    nlohmann::json list = nlohmann::json::array();
    for (const Diagnostic& diagnostic : diagnostics) {
        list.push_back(to_json(diagnostic));
    }
    return {{"diagnostics", list}};
}

std::string modules_text(const std::vector<deployer::BuiltModule>& modules,
                         const Terminal& terminal) {
    Table table({"MODULE", "TEE", "SIZE", "IDENTITY"});
    std::string notes;
    for (const deployer::BuiltModule& module : modules) {
        table.add({module.name,
                   module.tee,
                   size_text(module.image.bytes),
                   to_hex(module.image.identity)});
        const char* separator = ": ";
        for (const tee::Label& label : module.image.labels) {
            notes += (separator[0] == ':' ? module.name : "") +
                     fmt::format("{}{} {}", separator, label.name, label.value);
            separator = ", ";
        }
        notes += module.image.labels.empty() ? "" : "\n";
    }
    return table.text(terminal) + notes;
}

nlohmann::json modules_json(const std::vector<deployer::BuiltModule>& modules) {
    nlohmann::json list = nlohmann::json::array();
    for (const deployer::BuiltModule& module : modules) {
        nlohmann::json one = {{"name", module.name},
                              {"tee", module.tee},
                              {"identity", to_hex(module.image.identity)},
                              {"image_bytes", module.image.bytes},
                              {"image", module.image.path.string()},
                              {"cached", module.image.cached}};
        for (const tee::Label& label : module.image.labels) {
            one["labels"][label.name] = label.value;
        }
        list.push_back(std::move(one));
    }
    return {{"modules", list}};
}

std::string plan_text(const deployer::Plan& plan, const Terminal& terminal) {
    if (plan.empty()) {
        return "nothing to do: the nodes run what the descriptor says\n";
    }
    Table table({"STEP", "WHAT", "NODE", "WHY"});
    for (const deployer::PlannedStep& step : plan.steps) {
        table.add({step.action, step.subject, step.node, step.reason});
    }
    return table.text(terminal);
}

nlohmann::json plan_json(const deployer::Plan& plan) {
    nlohmann::json steps = nlohmann::json::array();
    for (const deployer::PlannedStep& step : plan.steps) {
        steps.push_back({{"phase", static_cast<unsigned>(step.phase)},
                         {"action", step.action},
                         {"subject", step.subject},
                         {"node", step.node},
                         {"reason", step.reason}});
    }
    return {{"steps", steps}};
}

std::string status_text(const deployer::Status& status, bool verbose, const Terminal& terminal) {
    return terminal.paint(Colour::bold, status.application) + "\n\n" +
           nodes_table(status, terminal) + "\n" + modules_table(status, verbose, terminal) +
           connections_table(status, terminal) + troubles(status, terminal);
}

nlohmann::json status_json(const deployer::Status& status) {
    nlohmann::json nodes = nlohmann::json::array();
    for (const deployer::NodeStatus& node : status.nodes) {
        nodes.push_back({{"name", node.name},
                         {"tee", node.tee},
                         {"address", node.address},
                         {"reachable", node.reachable},
                         {"simulated", node.simulated},
                         {"problem", node.problem},
                         {"spill_bytes", node.spill_bytes},
                         {"spill_limit_bytes", node.spill_limit_bytes}});
    }
    nlohmann::json modules = nlohmann::json::array();
    for (const deployer::ModuleStatus& module : status.modules) {
        modules.push_back({{"name", module.name},
                           {"node", module.node},
                           {"tee", module.tee},
                           {"state", module.state},
                           {"identity", to_hex(module.identity)},
                           {"attested_at", time_or_null(module.attested_at)},
                           {"simulated", module.simulated},
                           {"image_bytes", module.image_bytes},
                           {"failure", module.failure},
                           {"held_up", module.held_up},
                           {"quarantined", module.quarantined},
                           {"kept", module.kept},
                           {"last_lines", module.last_lines},
                           {"instance", module.instance}});
    }
    nlohmann::json connections = nlohmann::json::array();
    for (const deployer::ConnectionStatus& connection : status.connections) {
        connections.push_back({{"id", connection.id},
                               {"name", connection.name},
                               {"from", connection.from},
                               {"to", connection.to},
                               {"encryption", connection.encryption},
                               {"delivery", connection.delivery},
                               {"deadline", to_json(connection.deadline)},
                               {"epoch", connection.epoch},
                               {"sent", connection.sent},
                               {"accepted", connection.accepted},
                               {"refused", connection.refused},
                               {"waiting", connection.waiting},
                               {"window_open_since", time_or_null(connection.window_open_since)}});
    }
    return {{"application", status.application},
            {"nodes", nodes},
            {"modules", modules},
            {"connections", connections}};
}

std::string attestation_text(const deployer::Attestation& attestation, const Terminal& terminal) {
    const tee::Claims& claims = attestation.claims;
    std::string text =
        terminal.paint(Colour::bold, attestation.module) +
        fmt::format(" on {} ({})", attestation.node, attestation.tee) +
        (claims.simulated ? "  " + terminal.paint(Colour::yellow, "simulated") : "") + "\n";
    for (const tee::Fact& fact : claims.facts) {
        text += fmt::format("\n  {}  {}\n", terminal.paint(Colour::bold, fact.name), fact.value);
        text += fmt::format(
            "    {} {}\n", terminal.paint(Colour::dim, "compared with"), fact.compared_with);
        text += fmt::format(
            "    {}    {}\n", terminal.paint(Colour::dim, "vouched by"), fact.vouched_by);
    }
    const auto list = [&](const char* title, Colour colour, const auto& sentences) {
        text += "\n  " + terminal.paint(colour, title) + "\n";
        for (const std::string& sentence : sentences) {
            text += "    – " + sentence + "\n";
        }
    };
    list("proves", Colour::green, claims.proves);
    list("does not prove", Colour::yellow, claims.does_not_prove);
    return text;
}

nlohmann::json attestations_json(const std::vector<deployer::Attestation>& attestations) {
    nlohmann::json list = nlohmann::json::array();
    for (const deployer::Attestation& each : attestations) {
        nlohmann::json facts = nlohmann::json::array();
        for (const tee::Fact& fact : each.claims.facts) {
            facts.push_back({{"name", fact.name},
                             {"value", fact.value},
                             {"compared_with", fact.compared_with},
                             {"vouched_by", fact.vouched_by}});
        }
        list.push_back({{"module", each.module},
                        {"node", each.node},
                        {"tee", each.tee},
                        {"identity", to_hex(each.claims.identity)},
                        {"simulated", each.claims.simulated},
                        {"facts", facts},
                        {"proves", each.claims.proves},
                        {"does_not_prove", each.claims.does_not_prove}});
    }
    return list;
}

namespace {

const char* level_word(deployer::LogLevel level) {
    switch (level) {
    case deployer::LogLevel::error:
        return "error";
    case deployer::LogLevel::warning:
        return "warning";
    case deployer::LogLevel::info:
        return "info";
    case deployer::LogLevel::debug:
        return "debug";
    }
    return "debug";
}

Colour level_colour(deployer::LogLevel level) {
    switch (level) {
    case deployer::LogLevel::error:
        return Colour::red;
    case deployer::LogLevel::warning:
        return Colour::yellow;
    case deployer::LogLevel::info:
        return Colour::none;
    case deployer::LogLevel::debug:
        return Colour::dim;
    }
    return Colour::none;
}

} // namespace

std::string log_text(const deployer::LogEntry& entry, const Terminal& terminal) {
    return fmt::format(
        "{} {} {} {}",
        terminal.paint(Colour::dim, time_text(entry.time)),
        terminal.paint(Colour::blue, fmt::format("{:<12}", harmless(entry.module))),
        terminal.paint(level_colour(entry.level), fmt::format("{:<7}", level_word(entry.level))),
        harmless(entry.text));
}

nlohmann::json log_json(const deployer::LogEntry& entry) {
    return {{"time", time_text(entry.time)},
            {"node", entry.node},
            {"module", entry.module},
            {"level", level_word(entry.level)},
            {"text", entry.text}};
}

} // namespace authex::cli
