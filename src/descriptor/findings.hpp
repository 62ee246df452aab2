#pragma once
// Collects what is found wrong, and words it.

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::descriptor {

/// A finding's text; the parts are those of Diagnostic.
struct Finding {
    const char* code;
    std::string summary;
    std::string fix = {};
    std::string detail = {};
};

class Findings {
  public:
    /// More would help nobody, and bound the work for hostile input.
    static constexpr std::size_t limit = 1000;

    void error(const SourceRange& where, Finding finding);
    void warning(const SourceRange& where, Finding finding);
    [[nodiscard]] bool full() const { return diagnostics_.size() >= limit; }
    [[nodiscard]] bool has_errors() const { return has_errors_; }
    /// By line and column; what was found twice at one place (through an alias) is there once.
    [[nodiscard]] std::vector<Diagnostic> take();

  private:
    void add(Severity severity, const SourceRange& where, Finding finding);

    std::vector<Diagnostic> diagnostics_;
    bool has_errors_ = false;
};

/// The text in quotes, shortened and with control characters made visible.
[[nodiscard]] std::string quote(std::string_view text);
/// `file:line:column`.
[[nodiscard]] std::string place_of(const SourceRange& where);
/// "a, b and c"; of many, the first twelve and how many more.
[[nodiscard]] std::string join(std::span<const std::string> words);
/// "did you mean «x»?" if a word is close to `text`, else "<otherwise>: a, b and c".
[[nodiscard]] std::string
suggest(std::string_view text, std::span<const std::string> words, std::string_view otherwise);
/// The number of insertions, deletions, substitutions and swaps of neighbours between both
/// (optimal string alignment distance). O(a × b).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace authex::descriptor
