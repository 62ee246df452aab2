#include "descriptor/findings.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace authex::descriptor {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr std::size_t shown_words_max = 16;
// Above these a suggestion costs more than it helps.
constexpr std::size_t suggested_bytes_max = 64;
constexpr std::size_t suggested_words_max = 256;

auto position(const Diagnostic& diagnostic) {
    return std::tie(diagnostic.where.line, diagnostic.where.column);
}

bool same(const Diagnostic& a, const Diagnostic& b) {
    return position(a) == position(b) && a.code == b.code && a.summary == b.summary;
}

} // namespace

void Findings::add(Severity severity, const SourceRange& where, Finding finding) {
    if (full()) {
        return;
    }
    diagnostics_.push_back({.severity = severity,
                            .code = finding.code,
                            .summary = std::move(finding.summary),
                            .detail = std::move(finding.detail),
                            .fix = std::move(finding.fix),
                            .where = where});
}

void Findings::error(const SourceRange& where, Finding finding) {
    has_errors_ = true;
    add(Severity::error, where, std::move(finding));
}

void Findings::warning(const SourceRange& where, Finding finding) {
    add(Severity::warning, where, std::move(finding));
}

std::vector<Diagnostic> Findings::take() {
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const auto& a, const auto& b) {
        return position(a) < position(b);
    });
    std::vector<Diagnostic> taken;
    for (Diagnostic& diagnostic : diagnostics_) {
        const bool known =
            std::any_of(taken.rbegin(), taken.rend(), [&](const Diagnostic& earlier) {
                return same(earlier, diagnostic);
            });
        if (!known) {
            taken.push_back(std::move(diagnostic));
        }
    }
    diagnostics_.clear();
    return taken;
}

std::string quote(std::string_view text) {
    std::string shown = "«";
    std::size_t end = std::min(text.size(), shown_bytes_max);
    // A character of several bytes is not cut in two.
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    for (const char c : text.substr(0, end)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            shown += fmt::format("\\x{:02x}", byte);
        } else {
            shown += c;
        }
    }
    return shown + (end < text.size() ? "…»" : "»");
}

std::string place_of(const SourceRange& where) {
    return fmt::format("{}:{}:{}", where.file, where.line, where.column);
}

std::string join(std::span<const std::string> words) {
    const std::size_t shown = std::min(words.size(), shown_words_max);
    std::string text;
    for (std::size_t i = 0; i < shown; ++i) {
        if (i > 0) {
            text += i + 1 == words.size() ? " and " : ", ";
        }
        text += words[i];
    }
    if (shown < words.size()) {
        text += fmt::format(" and {} more", words.size() - shown);
    }
    return text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + changed});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string
suggest(std::string_view text, std::span<const std::string> words, std::string_view otherwise) {
    if (words.empty()) {
        return {};
    }
    if (text.size() <= suggested_bytes_max && words.size() <= suggested_words_max) {
        // One slip in three letters; a shorter word still allows one.
        const std::size_t allowed = std::max<std::size_t>(1, (text.size() + 1) / 3);
        const std::string* best = nullptr;
        std::size_t best_distance = allowed + 1;
        for (const std::string& word : words) {
            if (word.size() > text.size() + allowed || text.size() > word.size() + allowed) {
                continue;
            }
            const std::size_t distance = edit_distance(text, word);
            if (distance < best_distance) {
                best = &word;
                best_distance = distance;
            }
        }
        if (best != nullptr) {
            return fmt::format("did you mean {}?", quote(*best));
        }
    }
    return fmt::format("{}: {}", otherwise, join(words));
}

} // namespace authex::descriptor
