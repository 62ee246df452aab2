#include "descriptor/scan.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace authex::descriptor {
namespace {

struct Macro {
    std::string_view word;
    EndpointKind kind;
};
constexpr std::array<Macro, 7> macros = {{{"AUTHEX_OUTPUT", EndpointKind::output},
                                          {"AUTHEX_INPUT", EndpointKind::input},
                                          {"AUTHEX_REQUEST", EndpointKind::request},
                                          {"AUTHEX_HANDLER", EndpointKind::handler},
                                          {"AUTHEX_ENTRY", EndpointKind::entry},
                                          {"AUTHEX_TIMER", EndpointKind::timer},
                                          {"AUTHEX_STREAM", EndpointKind::stream}}};

bool is_word(char c) {
    const char lower = static_cast<char>(c | 0x20);
    return (c >= '0' && c <= '9') || c == '_' || (lower >= 'a' && lower <= 'z');
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/// Walks over C or C++ tokens as far as is needed to tell code from comments and literals.
/// ([lex.phases], [lex.comment], [lex.string])
class Scanner {
  public:
    explicit Scanner(std::string_view source) : source_(source) {}

    std::vector<Endpoint> endpoints() {
        std::vector<Endpoint> found;
        while (skip_to_token()) {
            const std::string_view token = next_token();
            const auto* const macro = std::find_if(
                macros.begin(), macros.end(), [token](const Macro& m) { return m.word == token; });
            if (macro == macros.end()) {
                continue;
            }
            if (const auto name = argument()) {
                found.push_back({.name = std::string(*name), .kind = macro->kind, .id = 0});
            }
        }
        return found;
    }

    bool partial() {
        while (skip_to_token()) {
            (void)next_token();
        }
        return partial_;
    }

  private:
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }

    [[nodiscard]] bool starts(std::string_view text) const {
        return source_.substr(at_, text.size()) == text;
    }

    void skip_past(std::string_view end) {
        const std::size_t found = source_.find(end, at_);
        at_ = found == std::string_view::npos ? source_.size() : found + end.size();
    }

    /// To the end of the line, over lines that a backslash continues. `at_` is then at the newline.
    void skip_line() {
        while (at_ < source_.size() && source_[at_] != '\n') {
            const bool continued =
                source_[at_] == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'));
            at_ += continued ? (peek(1) == '\n' ? 2 : 3) : 1;
        }
        at_ = std::min(at_, source_.size());
    }

    void skip_directive() {
        const std::size_t begin = at_;
        skip_line();
        std::string_view line = source_.substr(begin + 1, at_ - begin - 1);
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        const bool makes_endpoints =
            line.substr(0, 6) == "define" && line.find("AUTHEX_") != std::string_view::npos;
        const bool includes_own =
            line.substr(0, 7) == "include" && line.find('"') != std::string_view::npos;
        partial_ = partial_ || makes_endpoints || includes_own;
    }

    /// False at the end. Literals are tokens; comments, blanks and directives are not.
    bool skip_to_token() {
        while (at_ < source_.size()) {
            if (peek() == '\n') {
                line_begins_ = true;
                ++at_;
            } else if (is_space(peek())) {
                ++at_;
            } else if (starts("//")) {
                skip_line();
            } else if (starts("/*")) {
                at_ += 2;
                skip_past("*/");
            } else if (peek() == '#' && line_begins_) {
                skip_directive();
            } else {
                line_begins_ = false;
                return true;
            }
        }
        return false;
    }

    std::string_view next_token() {
        const std::size_t begin = at_;
        if (!is_word(peek())) {
            if (peek() == '"' || peek() == '\'') {
                skip_literal(peek());
            } else {
                ++at_;
            }
            return source_.substr(begin, at_ - begin);
        }
        const bool number = peek() >= '0' && peek() <= '9';
        // 1'000 is one token in C++14; its quote opens no literal.
        while (is_word(peek()) || (number && peek() == '\'' && is_word(peek(1)))) {
            ++at_;
        }
        const std::string_view word = source_.substr(begin, at_ - begin);
        if (peek() == '"' &&
            (word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R")) {
            skip_raw_literal();
            return {};
        }
        return word;
    }

    /// An unterminated literal ends with its line, as for a compiler.
    void skip_literal(char quote) {
        ++at_;
        while (at_ < source_.size() && peek() != quote && peek() != '\n') {
            at_ += peek() == '\\' ? 2 : 1;
        }
        at_ = std::min(at_ + (peek() == quote ? 1 : 0), source_.size());
    }

    void skip_raw_literal() {
        const std::size_t open = source_.find('(', at_);
        // [lex.string]: a delimiter has at most 16 characters.
        if (open == std::string_view::npos || open - at_ > 17) {
            skip_literal('"');
            return;
        }
        const std::string end = ")" + std::string(source_.substr(at_ + 1, open - at_ - 1)) + "\"";
        at_ = open + 1;
        skip_past(end);
    }

    /// `(name` and then `,` or `)`.
    std::optional<std::string_view> argument() {
        if (!skip_to_token() || peek() != '(') {
            return std::nullopt;
        }
        ++at_;
        if (!skip_to_token() || !is_word(peek()) || (peek() >= '0' && peek() <= '9')) {
            return std::nullopt;
        }
        const std::string_view name = next_token();
        if (!skip_to_token() || (peek() != ',' && peek() != ')')) {
            return std::nullopt;
        }
        return name;
    }

    std::string_view source_;
    std::size_t at_ = 0;
    bool line_begins_ = true;
    bool partial_ = false;
};

} // namespace

std::vector<Endpoint> scan_endpoints(std::string_view source) {
    return Scanner(source).endpoints();
}

bool scan_is_partial(std::string_view source) {
    return Scanner(source).partial();
}

} // namespace authex::descriptor
