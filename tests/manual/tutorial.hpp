#pragma once
// A page of Markdown that can be executed. Each fenced block is one of
//
//   ```console          `$ command`, and below it what the command prints; all must succeed
//   ```console fails    the last command must fail
//   ```console beside   one command that goes on running beside the others
//   **`name`**          and then a block of any language: the content of that file
//
// In what is printed, `…` stands for anything: for any lines where it is alone on its line.

#include <cstddef>
#include <string>
#include <vector>

namespace authex::test {

struct Step {
    std::string command;
    std::string output; ///< lines, each with its end
};

struct Block {
    enum class Kind { commands, failing_commands, command_beside, file, unknown };
    Kind kind = Kind::unknown;
    std::size_t line = 0; ///< of the fence, from 1
    std::vector<Step> steps;
    std::string file;    ///< name
    std::string content; ///< of the file
};

/// Blocks in their order. One that is none of the above, or is not closed, is unknown.
[[nodiscard]] std::vector<Block> blocks_of(const std::string& markdown);

/// Space at the ends of lines, and empty lines at the end, do not count.
[[nodiscard]] bool matches(const std::string& expected, const std::string& found);

} // namespace authex::test
