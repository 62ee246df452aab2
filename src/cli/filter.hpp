#pragma once
// Another program: text in, text out.

#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::cli {

struct FilterResult {
    int status = 0; ///< exit status; 128 + signal where it was killed
    std::string output;
};

/// Runs `words[0]` (found on PATH, never through a shell) with `input` on its standard input, and
/// waits for it. What it says on standard error goes to this program's.
/// @error program-missing: it could not be started
[[nodiscard]] Expected<FilterResult> run_filter(std::vector<std::string> words,
                                                const std::string& input);

} // namespace authex::cli
