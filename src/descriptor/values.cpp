#include "descriptor/values.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace authex::descriptor {
namespace {

constexpr std::size_t name_bytes_max = 63;

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view kind_name(Element::Kind kind) {
    switch (kind) {
    case Element::Kind::null:
        return "nothing";
    case Element::Kind::scalar:
        return "a single value";
    case Element::Kind::list:
        return "a list";
    case Element::Kind::map:
        return "a map";
    }
    return "nothing";
}

void report_type(const Element& element,
                 std::string_view what,
                 Element::Kind wanted,
                 std::string fix,
                 Findings& findings) {
    findings.error(
        element.where,
        {"wrong-type",
         fmt::format(
             "{} must be {}, and this is {}", what, kind_name(wanted), kind_name(element.kind)),
         std::move(fix)});
}

std::optional<unsigned> hex_digit(char c) {
    if (is_digit(c)) {
        return static_cast<unsigned>(c - '0');
    }
    const char lower = static_cast<char>(c | 0x20);
    if (lower >= 'a' && lower <= 'f') {
        return static_cast<unsigned>(lower - 'a' + 10);
    }
    return std::nullopt;
}

} // namespace

MapReader::MapReader(const Element& map,
                     std::string what,
                     const std::vector<std::string>& keys,
                     Findings& findings)
    : map_(map), what_(std::move(what)), findings_(findings),
      is_map_(map.kind == Element::Kind::map) {
    if (!is_map_) {
        report_type(
            map, what_, Element::Kind::map, fmt::format("its keys are {}", join(keys)), findings);
        return;
    }
    for (const Entry& entry : map.entries) {
        const std::string& key = entry.key->text;
        if (!findings.full() && std::find(keys.begin(), keys.end(), key) == keys.end()) {
            findings.error(entry.key->where,
                           {"unknown-key",
                            fmt::format("{} has no key {}", what_, quote(key)),
                            suggest(key, keys, "the keys are")});
        }
    }
}

const Element* MapReader::find(std::string_view key) const {
    for (const Entry& entry : map_.entries) {
        if (entry.key->text == key) {
            return entry.value.get();
        }
    }
    return nullptr;
}

const Element* MapReader::require(std::string_view key, const SourceRange& where) const {
    const Element* element = find(key);
    if (element == nullptr && is_map_) {
        findings_.error(where,
                        {"missing-key",
                         fmt::format("{} has no «{}»", what_, key),
                         fmt::format("add «{}: …»", key)});
    }
    return element;
}

const std::vector<Entry>&
read_entries(const Element& element, std::string_view what, Findings& findings) {
    if (element.kind != Element::Kind::map) {
        report_type(element, what, Element::Kind::map, "write «name: …» a line", findings);
    }
    return element.entries;
}

const std::vector<ElementPointer>&
read_items(const Element& element, std::string_view what, Findings& findings) {
    if (element.kind != Element::Kind::list) {
        std::string fix = element.kind == Element::Kind::scalar
                              ? fmt::format("put it in brackets: [{}]", element.text.substr(0, 60))
                              : "write «[a, b]», or «- a» a line";
        report_type(element, what, Element::Kind::list, std::move(fix), findings);
    }
    return element.items;
}

std::optional<std::string>
read_text(const Element& element, std::string_view what, Findings& findings) {
    if (element.kind != Element::Kind::scalar) {
        report_type(element, what, Element::Kind::scalar, {}, findings);
        return std::nullopt;
    }
    if (element.text.empty()) {
        findings.error(element.where, {"invalid-value", fmt::format("{} is empty", what)});
        return std::nullopt;
    }
    return element.text;
}

std::optional<std::string> read_name(const Element& element,
                                     std::string_view what,
                                     Findings& findings,
                                     std::string_view more) {
    std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    const bool valid = is_lower(text->front()) && text->size() <= name_bytes_max &&
                       std::all_of(text->begin(), text->end(), [more](char c) {
                           return is_lower(c) || is_digit(c) || c == '_' || c == '-' ||
                                  more.find(c) != std::string_view::npos;
                       });
    if (!valid) {
        findings.error(element.where,
                       {"invalid-name",
                        fmt::format("{} is no {}", quote(*text), what),
                        fmt::format("begin with a small letter; then small letters, digits, «-» "
                                    "and «_»{}; at most {} in all",
                                    more.empty() ? "" : ", «.» and «>»",
                                    name_bytes_max)});
        return std::nullopt;
    }
    return text;
}

std::optional<bool> read_bool(const Element& element, std::string_view what, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (text && *text != "true" && *text != "false") {
        findings.error(element.where,
                       {"invalid-value",
                        fmt::format("{} is true or false, not {}", what, quote(*text)),
                        "write «true» or «false»"});
        return std::nullopt;
    }
    return text ? std::optional(*text == "true") : std::nullopt;
}

std::optional<std::uint64_t> integer_of(std::string_view text) {
    const bool is_hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
    text.remove_prefix(is_hex ? 2 : 0);
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, is_hex ? 16 : 10);
    if (error != std::errc() || stop != end) {
        return std::nullopt;
    }
    return value;
}

bool is_c_identifier(std::string_view text) {
    const auto is_word = [](char c) {
        const char lower = static_cast<char>(c | 0x20);
        return is_digit(c) || c == '_' || is_lower(lower);
    };
    return !text.empty() && !is_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), is_word);
}

std::optional<std::uint64_t>
read_integer(const Element& element, std::string_view what, Range range, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> value = integer_of(*text);
    if (!value || *value < range.least || *value > range.most) {
        const bool is_number = value.has_value();
        findings.error(element.where,
                       {is_number ? "out-of-range" : "invalid-value",
                        fmt::format("{} {} {}",
                                    what,
                                    is_number ? "cannot be" : "is a whole number, not",
                                    quote(*text)),
                        fmt::format("write a number from {} to {}", range.least, range.most)});
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint64_t>
read_size(const Element& element, std::string_view what, Range range, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    struct Unit {
        std::string_view word;
        std::uint64_t bytes;
    };
    constexpr std::array<Unit, 3> units = {
        {{"KiB", 1U << 10U}, {"MiB", 1U << 20U}, {"GiB", 1U << 30U}}};
    std::string_view number = *text;
    std::uint64_t factor = 1;
    for (const Unit& unit : units) {
        if (number.size() > unit.word.size() &&
            number.substr(number.size() - unit.word.size()) == unit.word) {
            number.remove_suffix(unit.word.size());
            factor = unit.bytes;
            break;
        }
    }
    const std::optional<std::uint64_t> count = integer_of(number);
    if (!count) {
        findings.error(element.where,
                       {"invalid-size",
                        fmt::format("{} is a size, not {}", what, quote(*text)),
                        "write bytes as «65536», or «64KiB», «1MiB», «1GiB»"});
        return std::nullopt;
    }
    if (*count > range.most / factor || *count * factor < range.least) {
        findings.error(element.where,
                       {"out-of-range",
                        fmt::format("{} cannot be {}", what, quote(*text)),
                        fmt::format("it is from {} to {} bytes", range.least, range.most)});
        return std::nullopt;
    }
    return *count * factor;
}

std::optional<std::chrono::microseconds>
read_duration(const Element& element, std::string_view what, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    struct Unit {
        std::string_view word;
        std::uint64_t microseconds;
    };
    constexpr std::array<Unit, 5> units = {
        {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}}};
    constexpr std::uint64_t least_us = 100;
    constexpr std::uint64_t most_us = 24 * 3600000000ULL;
    const std::size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
    const std::string_view word = std::string_view(*text).substr(digits);
    const std::optional<std::uint64_t> count =
        integer_of(std::string_view(*text).substr(0, digits));
    const auto* const unit = std::find_if(
        units.begin(), units.end(), [word](const Unit& known) { return known.word == word; });
    if (!count || unit == units.end()) {
        findings.error(element.where,
                       {"invalid-duration",
                        fmt::format("{} is a duration, not {}", what, quote(*text)),
                        "write a whole number and us, ms, s, m or h: «500ms», «2s»"});
        return std::nullopt;
    }
    if (*count > most_us / unit->microseconds || *count * unit->microseconds < least_us) {
        findings.error(element.where,
                       {"out-of-range",
                        fmt::format("{} cannot be {}", what, quote(*text)),
                        "it is from 100us to 24h"});
        return std::nullopt;
    }
    return std::chrono::microseconds(*count * unit->microseconds);
}

std::optional<std::filesystem::path>
read_path(const Element& element, std::string_view what, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    std::filesystem::path path(*text);
    if (path.is_absolute()) {
        findings.error(element.where,
                       {"absolute-path",
                        fmt::format("{} is an absolute path", what),
                        "write it relative to the descriptor, so that it holds on any machine"});
        return std::nullopt;
    }
    return path.lexically_normal();
}

std::optional<EndpointReference>
read_endpoint(const Element& element, std::string_view what, Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    const std::size_t dot = text->find('.');
    EndpointReference reference;
    reference.where = element.where;
    if (dot != std::string::npos && dot > 0) {
        reference.module = text->substr(0, dot);
        const std::string endpoint = text->substr(dot + 1);
        const std::optional<std::uint64_t> id = integer_of(endpoint);
        if (id && *id <= 0xFFFF) {
            reference.id = static_cast<std::uint16_t>(*id);
            return reference;
        }
        if (is_c_identifier(endpoint)) {
            reference.endpoint = endpoint;
            return reference;
        }
    }
    findings.error(element.where,
                   {"invalid-endpoint",
                    fmt::format("{} names no endpoint: {}", what, quote(*text)),
                    "write «module.endpoint», or «module.7» with a number up to 65535"});
    return std::nullopt;
}

std::optional<std::size_t> read_choice(const Element& element,
                                       std::string_view what,
                                       const std::vector<std::string>& words,
                                       Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    const auto found = std::find(words.begin(), words.end(), *text);
    if (found == words.end()) {
        findings.error(element.where,
                       {"unknown-value",
                        fmt::format("{} cannot be {}", what, quote(*text)),
                        suggest(*text, words, "allowed are")});
        return std::nullopt;
    }
    return static_cast<std::size_t>(found - words.begin());
}

bool read_hex(const Element& element,
              std::string_view what,
              std::span<std::uint8_t> bytes,
              Findings& findings) {
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return false;
    }
    const bool all_hex =
        std::all_of(text->begin(), text->end(), [](char c) { return hex_digit(c).has_value(); });
    if (text->size() != 2 * bytes.size() || !all_hex) {
        // The text is not repeated: it may be a key.
        findings.error(element.where,
                       {"invalid-hex",
                        fmt::format("{} is exactly {} hexadecimal digits", what, 2 * bytes.size()),
                        all_hex ? fmt::format("there are {}", text->size())
                                : "use only 0-9 and a-f, without 0x, and put it in quotes"});
        return false;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(*hex_digit((*text)[2 * i]) * 16 +
                                             *hex_digit((*text)[2 * i + 1]));
    }
    return true;
}

} // namespace authex::descriptor
