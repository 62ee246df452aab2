#include "descriptor/tree.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace authex::descriptor {
namespace {

/// Leaves the YAML parser early; never leaves this file.
struct Refused {
    SourceRange where;
    Finding finding;
};

bool plain_tag(const std::string& tag) {
    // yaml-cpp says "?" for a plain scalar or collection and "!" for a quoted scalar.
    constexpr std::string_view core = "tag:yaml.org,2002:";
    return tag.empty() || tag == "?" || tag == "!" || tag.compare(0, core.size(), core) == 0;
}

/// The number of bytes of the character that begins the text, 0 if it is not valid UTF-8.
/// (RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF.)
std::size_t utf8_character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size == 0 || first > 0xF4 || text.size() < size) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) {
            return 0;
        }
    }
    const unsigned char second = byte(1);
    const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return wrong ? 0 : size;
}

/// yaml-cpp takes a control character for the end of the text and guesses UTF-16 from zeros; what
/// it would misread is refused before.
bool check_characters(std::string_view text, const std::string& file, Findings& findings) {
    SourceRange where{.file = file, .line = 1, .column = 1, .length = 1};
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        const std::size_t size = utf8_character_bytes(text);
        if (size == 0) {
            findings.error(where,
                           {"not-utf8",
                            fmt::format("byte 0x{:02x} is not UTF-8", byte),
                            "save the file as UTF-8"});
            return false;
        }
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
            findings.error(where,
                           {"control-character",
                            fmt::format("control character 0x{:02x}", byte),
                            "remove it; a descriptor is plain text"});
            return false;
        }
        text.remove_prefix(size);
        where.column += static_cast<unsigned>(size);
        if (byte == '\n') {
            ++where.line;
            where.column = 1;
        }
    }
    return true;
}

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(std::string_view text, const std::string& file, Findings& findings)
        : text_(text), file_(file), findings_(findings) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        auto element = make(Element::Kind::null, mark);
        if (!open_.empty() && open_.back().key) {
            // yaml-cpp's mark of an absent value is that of the token after it.
            element->where = open_.back().key->where;
        }
        finish(std::move(element), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end()) {
            throw Refused{at(mark, 1),
                          {"alias-cycle", "this alias names what it is part of", "write it out"}};
        }
        count(known->second->elements, mark);
        place(known->second);
    }

    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override {
        check_tag(mark, tag);
        auto element = make(Element::Kind::scalar, mark);
        element->quoted = tag == "!";
        element->text = value;
        element->where.length = scalar_length(mark, value);
        finish(std::move(element), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string& tag,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override {
        check_tag(mark, tag);
        start(Element::Kind::list, mark, anchor, style);
    }

    void OnMapStart(const YAML::Mark& mark,
                    const std::string& tag,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override {
        check_tag(mark, tag);
        start(Element::Kind::map, mark, anchor, style);
    }

    void OnSequenceEnd() override { end(); }
    void OnMapEnd() override { end(); }

    [[nodiscard]] const ElementPointer& root() const { return root_; }

    /// The innermost bracket that is not closed yet, if any.
    [[nodiscard]] std::optional<SourceRange> open_bracket() const {
        return !open_.empty() && open_.back().in_brackets
                   ? std::optional(open_.back().element->where)
                   : std::nullopt;
    }

  private:
    struct Open {
        std::shared_ptr<Element> element;
        YAML::anchor_t anchor = 0;
        bool in_brackets = false;
        ElementPointer key = nullptr;                 ///< of a map: read, its value not yet
        std::map<std::string, SourceRange> keys = {}; ///< of a map: where each stands
        std::vector<Entry> merges = {};               ///< of a map: `<<` and what it names
    };

    [[nodiscard]] SourceRange at(const YAML::Mark& mark, unsigned length) const {
        const unsigned line = mark.line < 0 ? 0 : static_cast<unsigned>(mark.line) + 1;
        const unsigned column = mark.column < 0 ? 0 : static_cast<unsigned>(mark.column) + 1;
        return {.file = file_, .line = line, .column = column, .length = length};
    }

    /// The bytes that the scalar takes on its first line, for the marker below it.
    [[nodiscard]] unsigned scalar_length(const YAML::Mark& mark, const std::string& value) const {
        const auto begin = static_cast<std::size_t>(std::max(mark.pos, 0));
        if (begin >= text_.size()) {
            return 1;
        }
        const std::string_view rest = text_.substr(begin, text_.find('\n', begin) - begin);
        if (rest.substr(0, value.size()) == value) {
            return static_cast<unsigned>(std::max<std::size_t>(value.size(), 1));
        }
        const std::size_t quote_end =
            rest.front() == '"' || rest.front() == '\'' ? rest.find(rest.front(), 1) : rest.npos;
        return quote_end == rest.npos ? 1 : static_cast<unsigned>(quote_end + 1);
    }

    void check_tag(const YAML::Mark& mark, const std::string& tag) const {
        if (!plain_tag(tag)) {
            throw Refused{at(mark, 1),
                          {"unknown-tag", fmt::format("unknown tag {}", quote(tag)), "remove it"}};
        }
    }

    void count(std::size_t elements, const YAML::Mark& mark) {
        elements_ += elements;
        if (elements_ > elements_max) {
            throw Refused{at(mark, 1),
                          {"too-large",
                           fmt::format("more than {} elements, aliases written out", elements_max),
                           "split the application, or use fewer aliases"}};
        }
    }

    std::shared_ptr<Element> make(Element::Kind kind, const YAML::Mark& mark) {
        count(1, mark);
        auto element = std::make_shared<Element>();
        element->kind = kind;
        element->where = at(mark, 1);
        return element;
    }

    void start(Element::Kind kind,
               const YAML::Mark& mark,
               YAML::anchor_t anchor,
               YAML::EmitterStyle::value style) {
        // yaml-cpp descends by recursion: the limit keeps its stack small.
        if (open_.size() >= depth_max) {
            throw Refused{at(mark, 1),
                          {"too-deep", fmt::format("more than {} levels deep", depth_max)}};
        }
        open_.push_back({.element = make(kind, mark),
                         .anchor = anchor,
                         .in_brackets = style == YAML::EmitterStyle::Flow});
    }

    void end() {
        Open open = std::move(open_.back());
        open_.pop_back();
        merge(open);
        finish(std::move(open.element), open.anchor);
    }

    void finish(std::shared_ptr<Element> element, YAML::anchor_t anchor) {
        if (anchor != 0) {
            anchors_[anchor] = element;
        }
        place(std::move(element));
    }

    void place(ElementPointer element) {
        if (open_.empty()) {
            root_ = std::move(element);
            return;
        }
        Open& open = open_.back();
        open.element->elements += element->elements;
        if (open.element->kind == Element::Kind::list) {
            open.element->items.push_back(std::move(element));
        } else if (!open.key) {
            open.key = std::move(element);
        } else {
            place_entry(open,
                        {.key = std::exchange(open.key, nullptr), .value = std::move(element)});
        }
    }

    void place_entry(Open& open, Entry entry) {
        const Element& key = *entry.key;
        if (key.kind != Element::Kind::scalar) {
            findings_.error(key.where, {"wrong-type", "a key must be a word", "quote it"});
            return;
        }
        if (key.text == "<<" && !key.quoted) {
            open.merges.push_back(std::move(entry));
            return;
        }
        const auto [earlier, is_new] = open.keys.emplace(key.text, key.where);
        if (!is_new) {
            findings_.error(
                key.where,
                {"duplicate-key",
                 fmt::format("{} is here twice", quote(key.text)),
                 fmt::format("remove one; the first is at line {}", earlier->second.line)});
            return;
        }
        open.element->entries.push_back(std::move(entry));
    }

    /// YAML's merge key: what the map itself says wins, then the earlier of several.
    void merge(Open& open) {
        for (const Entry& entry : open.merges) {
            if (entry.value->kind != Element::Kind::list) {
                merge_map(open, entry.key->where, *entry.value);
                continue;
            }
            for (const ElementPointer& map : entry.value->items) {
                merge_map(open, entry.key->where, *map);
            }
        }
    }

    void merge_map(Open& open, const SourceRange& where, const Element& map) {
        if (map.kind != Element::Kind::map) {
            findings_.error(where, {"wrong-type", "«<<» merges maps, and this is none"});
            return;
        }
        for (const Entry& merged : map.entries) {
            if (open.keys.emplace(merged.key->text, merged.key->where).second) {
                open.element->entries.push_back(merged);
            }
        }
    }

    std::string_view text_;
    const std::string& file_;
    Findings& findings_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, ElementPointer> anchors_;
    ElementPointer root_;
    std::size_t elements_ = 0;
};

/// The text's line, counted from 0.
std::string_view line_of(std::string_view text, int number) {
    for (int i = 0; i < number && !text.empty(); ++i) {
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    }
    return text.substr(0, text.find('\n'));
}

/// Words and place for what the parser says, which often notices a fault only behind it.
void report_syntax(const YAML::Exception& error,
                   std::string_view text,
                   const TreeBuilder& builder,
                   SourceRange where,
                   Findings& findings) {
    Finding finding{"yaml-syntax", fmt::format("this is not valid YAML: {}", error.msg)};
    const std::string_view line = line_of(text, error.mark.line);
    const std::size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t tab = line.substr(0, indent).find('\t');
    const bool is_address = line.find("address:") != line.npos || line.find("events:") != line.npos;
    const bool not_closed = error.msg.find("flow not found") != std::string::npos;
    const std::optional<SourceRange> bracket = builder.open_bracket();
    if (tab != line.npos) {
        where.column = static_cast<unsigned>(tab) + 1;
        finding.summary = "this line is indented with a tab, which YAML does not allow";
        finding.fix = "indent with spaces";
    } else if (is_address && line.find("]:") != line.npos) {
        finding.fix = "put an IPv6 address in quotes: \"[::1]:6000\"";
    } else if (not_closed && bracket) {
        finding.summary = "this bracket is not closed where it should be";
        finding.detail = fmt::format("noticed at line {}", where.line);
        finding.fix = "look for a missing bracket, quote or comma after it";
        where = *bracket;
    } else {
        finding.fix = "look for a missing bracket, quote, comma or colon here or just above";
    }
    findings.error(where, std::move(finding));
}

} // namespace

ElementPointer read_tree(std::string_view text, const std::string& file, Findings& findings) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    const SourceRange whole{.file = file, .line = 0, .column = 0, .length = 0};
    if (text.size() > text_bytes_max) {
        findings.error(whole,
                       {"too-large", "a descriptor is at most 1 MiB", "split the application"});
        return nullptr;
    }
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) {
        text.remove_prefix(byte_order_mark.size());
    }
    if (!check_characters(text, file, findings)) {
        return nullptr;
    }
    TreeBuilder builder(text, file, findings);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder) || !builder.root() ||
            builder.root()->kind == Element::Kind::null) {
            findings.error(whole, {"empty-descriptor", "there is nothing in this file"});
            return nullptr;
        }
        const ElementPointer root = builder.root();
        if (parser.HandleNextDocument(builder)) {
            findings.error(builder.root()->where,
                           {"several-documents",
                            "a second YAML document begins above this",
                            "keep one application in one file; remove the «---»"});
            return nullptr;
        }
        return root;
    } catch (const Refused& refused) {
        findings.error(refused.where, refused.finding);
    } catch (const YAML::Exception& error) {
        SourceRange where{.file = file, .line = 1, .column = 1, .length = 1};
        if (!error.mark.is_null()) {
            where.line = static_cast<unsigned>(error.mark.line) + 1;
            where.column = static_cast<unsigned>(error.mark.column) + 1;
        }
        report_syntax(error, text, builder, where, findings);
    } catch (const std::exception& error) {
        findings.error(whole, {"yaml-syntax", fmt::format("unreadable YAML: {}", error.what())});
    }
    return nullptr;
}

} // namespace authex::descriptor
