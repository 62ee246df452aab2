#include "manual/tutorial.hpp"

#include <regex>
#include <span>
#include <sstream>
#include <string_view>

namespace authex::test {
namespace {

constexpr std::string_view anything = "…";
constexpr std::string_view fence = "```";

using Lines = std::span<const std::string>;

std::vector<std::string> trimmed_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line.substr(0, line.find_last_not_of(" \r") + 1));
    }
    while (!lines.empty() && lines.back().empty()) {
        lines.pop_back();
    }
    return lines;
}

bool line_matches(std::string_view expected, std::string_view found) {
    std::size_t wildcard = expected.find(anything);
    if (wildcard == std::string_view::npos) {
        return expected == found;
    }
    if (!found.starts_with(expected.substr(0, wildcard))) {
        return false;
    }
    found.remove_prefix(wildcard);
    // What stands between two wildcards is taken where it comes first; what is last ends the line.
    for (;;) {
        expected.remove_prefix(wildcard + anything.size());
        wildcard = expected.find(anything);
        if (wildcard == std::string_view::npos) {
            return found.ends_with(expected);
        }
        const std::size_t place = found.find(expected.substr(0, wildcard));
        if (place == std::string_view::npos) {
            return false;
        }
        found.remove_prefix(place + wildcard);
    }
}

bool lines_match(Lines expected, Lines found) {
    for (; !expected.empty(); expected = expected.subspan(1), found = found.subspan(1)) {
        if (expected[0] == anything) {
            for (std::size_t skipped = 0; skipped <= found.size(); ++skipped) {
                if (lines_match(expected.subspan(1), found.subspan(skipped))) {
                    return true;
                }
            }
            return false;
        }
        if (found.empty() || !line_matches(expected[0], found[0])) {
            return false;
        }
    }
    return found.empty();
}

/// Commands and what they print. Empty: something stands before the first command.
std::vector<Step> steps_of(Lines lines) {
    std::vector<Step> steps;
    for (const std::string& line : lines) {
        if (line.starts_with("$ ")) {
            steps.push_back({.command = line.substr(2), .output = {}});
        } else if (steps.empty()) {
            return {};
        } else {
            steps.back().output += line + "\n";
        }
    }
    return steps;
}

Block commands(Block::Kind kind, Lines lines) {
    Block block{.kind = kind, .line = 0, .steps = steps_of(lines), .file = {}, .content = {}};
    const bool one_too_many = kind == Block::Kind::command_beside && block.steps.size() > 1;
    if (block.steps.empty() || one_too_many) {
        block.kind = Block::Kind::unknown;
    }
    return block;
}

/// @param name the last line before the block that is not empty
Block block_of(const std::string& info, const std::string& name, Lines lines) {
    if (info == "console") {
        return commands(Block::Kind::commands, lines);
    }
    if (info == "console fails") {
        return commands(Block::Kind::failing_commands, lines);
    }
    if (info == "console beside") {
        return commands(Block::Kind::command_beside, lines);
    }
    static const std::regex file_name(R"(\*\*`([^`/]+)`\*\*)");
    std::smatch match;
    Block block;
    if (std::regex_match(name, match, file_name)) {
        block.kind = Block::Kind::file;
        block.file = match[1];
        for (const std::string& line : lines) {
            block.content += line + "\n";
        }
    }
    return block;
}

} // namespace

std::vector<Block> blocks_of(const std::string& markdown) {
    const std::vector<std::string> lines = trimmed_lines(markdown);
    std::vector<Block> blocks;
    std::string before;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!lines[i].starts_with(fence)) {
            before = lines[i].empty() ? before : lines[i];
            continue;
        }
        const std::size_t begin = i + 1;
        std::size_t end = begin;
        while (end < lines.size() && lines[end] != fence) {
            ++end;
        }
        Block block;
        if (end < lines.size()) {
            block = block_of(
                lines[i].substr(fence.size()), before, Lines(lines).subspan(begin, end - begin));
        }
        block.line = begin;
        blocks.push_back(std::move(block));
        i = end;
        before.clear();
    }
    return blocks;
}

bool matches(const std::string& expected, const std::string& found) {
    return lines_match(trimmed_lines(expected), trimmed_lines(found));
}

} // namespace authex::test
