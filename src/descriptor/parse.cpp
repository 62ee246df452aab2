#include "descriptor/parse.hpp"

#include <array>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "descriptor/findings.hpp"
#include "descriptor/sections.hpp"
#include "descriptor/tree.hpp"
#include "descriptor/values.hpp"

namespace authex::descriptor {
namespace {

enum class Files : std::uint8_t { unchecked, checked };

void read_sections(const Element& root, Descriptor& descriptor, Findings& findings) {
    const MapReader map(root,
                        "a descriptor",
                        {"application",
                         "nodes",
                         "modules",
                         "connections",
                         "periodic",
                         "simulation",
                         "policy",
                         "signing"},
                        findings);
    const SourceRange whole{.file = root.where.file, .line = 1, .column = 1, .length = 1};
    if (const Element* application = map.require("application", whole)) {
        descriptor.application =
            read_name(*application, "name of an application", findings).value_or("");
    }
    if (const Element* simulation = map.find("simulation")) {
        const auto choice =
            read_choice(*simulation, "«simulation»", {"allowed", "refused"}, findings);
        descriptor.simulation_allowed = choice.value_or(0) == 0;
    }
    if (const Element* policy = map.find("policy")) {
        descriptor.policy = read_policy(*policy, findings);
    }
    if (const Element* signing = map.find("signing")) {
        descriptor.signing = read_signing(*signing, findings);
    }
    if (const Element* nodes = map.require("nodes", whole)) {
        read_nodes(*nodes, descriptor, findings);
    }
    if (const Element* modules = map.require("modules", whole)) {
        read_modules(*modules, descriptor, findings);
    }
    if (const Element* connections = map.find("connections")) {
        read_connections(*connections, descriptor, findings);
    }
    if (const Element* periodic = map.find("periodic")) {
        read_periodic(*periodic, descriptor, findings);
    }
    if (map.is_map()) {
        check_whole(descriptor, findings);
    }
}

ParseResult parse_text(std::string_view text, std::string file_name, Files files, Check more) {
    Findings findings;
    Descriptor descriptor;
    descriptor.file = file_name;
    descriptor.text = text;
    descriptor.directory = descriptor.file.parent_path();
    if (descriptor.directory.empty()) {
        descriptor.directory = ".";
    }
    if (const ElementPointer root = read_tree(text, file_name, findings)) {
        read_sections(*root, descriptor, findings);
        if (files == Files::checked) {
            check_files(descriptor, findings);
        }
        if (more != nullptr) {
            more(descriptor, findings);
        }
    }
    ParseResult result;
    if (!findings.has_errors()) {
        result.descriptor = std::move(descriptor);
    }
    result.diagnostics = findings.take();
    return result;
}

/// One byte more than allowed is read, so that a file that is too large is known as such.
std::optional<std::string> read_file(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        return std::nullopt;
    }
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        return std::nullopt;
    }
    std::string text;
    std::array<char, 16384> part{};
    while (stream && text.size() <= text_bytes_max) {
        stream.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
    }
    return stream.bad() ? std::nullopt : std::optional<std::string>(std::move(text));
}

} // namespace

ParseResult parse(std::string_view text, std::string file_name, Check more) {
    return parse_text(text, std::move(file_name), Files::unchecked, more);
}

ParseResult load(const std::filesystem::path& file, Check more) {
    const std::optional<std::string> text = read_file(file);
    if (text) {
        return parse_text(*text, file.string(), Files::checked, more);
    }
    Diagnostic diagnostic = make_error("unreadable-file",
                                       fmt::format("cannot read {}", quote(file.string())),
                                       "name a descriptor with -f, or make one with «authex init»");
    diagnostic.where.file = file.string();
    return {.descriptor = std::nullopt, .diagnostics = {std::move(diagnostic)}};
}

} // namespace authex::descriptor
