#pragma once
// What the hosted parts say to a person when something is wrong. Enclave code uses base/result.hpp
// instead.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

namespace authex {

enum class Severity : std::uint8_t { error, warning, note };

/// A place in a file. Lines and columns count from 1; 0 means «the file as a whole».
struct SourceRange {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    unsigned length = 0;
};

/// One finding. `summary` says what is wrong in one line without a full stop; `detail` why (may be
/// empty); `fix` what to do next (may be empty). `code` is a stable kebab-case name, e.g.
/// "unknown-module".
struct Diagnostic {
    Severity severity = Severity::error;
    std::string code;
    std::string summary;
    std::string detail;
    std::string fix;
    SourceRange where;
};

/// The hosted parts' result type.
template <typename T>
using Expected = tl::expected<T, Diagnostic>;

/// An error without a place in a file.
Diagnostic make_error(std::string code, std::string summary, std::string fix = {});
/// The same, ready to be returned from a function whose type is Expected<T>.
tl::unexpected<Diagnostic> failure(std::string code, std::string summary, std::string fix = {});

/// The JSON view; the text below is rendered from the same object.
nlohmann::json to_json(const Diagnostic& diagnostic);
/// `file:line:column: error: summary`, then indented detail and fix, each on its own line. No
/// trailing newline.
std::string to_text(const Diagnostic& diagnostic);

} // namespace authex
