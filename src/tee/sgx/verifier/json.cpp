#include "tee/sgx/verifier/json.hpp"

#include <algorithm>

namespace authex::tee::sgx {
namespace {

constexpr int depth_max = 16;
constexpr std::size_t members_max = 64;
constexpr std::string_view white_space = " \t\r\n";
constexpr std::string_view digits = "0123456789";

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    std::optional<std::vector<JsonValue>> document() {
        return value({}, 0) && at_ == text_.size() ? std::optional(std::move(values_))
                                                   : std::nullopt;
    }

  private:
    void white() { at_ = std::min(text_.find_first_not_of(white_space, at_), text_.size()); }

    bool take(char wanted) {
        const bool there = at_ < text_.size() && text_[at_] == wanted;
        at_ += there ? 1 : 0;
        return there;
    }

    /// A value and the white space around it.
    bool value(std::string_view name, int depth) {
        white();
        if (depth > depth_max) {
            return false;
        }
        const std::size_t index = values_.size();
        const std::size_t begin = at_;
        values_.push_back({.name = name});
        const std::optional<JsonKind> kind = content(index, depth);
        if (!kind) {
            return false;
        }
        const std::size_t quote = *kind == JsonKind::string ? 1 : 0;
        JsonValue& made = values_[index];
        made.kind = *kind;
        made.text = text_.substr(begin + quote, at_ - begin - 2 * quote);
        made.nodes = values_.size() - index;
        white();
        return true;
    }

    std::optional<JsonKind> content(std::size_t index, int depth) {
        const auto if_read = [](bool read, JsonKind kind) {
            return read ? std::optional(kind) : std::nullopt;
        };
        if (take('{')) {
            return if_read(members(index, depth + 1), JsonKind::object);
        }
        if (take('[')) {
            return if_read(elements(depth + 1), JsonKind::array);
        }
        if (take('"')) {
            return if_read(string_rest().has_value(), JsonKind::string);
        }
        return number() ? std::optional(JsonKind::number) : if_read(literal(), JsonKind::literal);
    }

    bool members(std::size_t index, int depth) {
        white();
        if (take('}')) {
            return true;
        }
        std::size_t count = 0;
        do {
            white();
            const std::optional<std::string_view> name = take('"') ? string_rest() : std::nullopt;
            white();
            if (!name || ++count > members_max || has_member(index, *name) || !take(':') ||
                !value(*name, depth)) {
                return false;
            }
        } while (take(','));
        return take('}');
    }

    bool elements(int depth) {
        white();
        if (take(']')) {
            return true;
        }
        do {
            if (!value({}, depth)) {
                return false;
            }
        } while (take(','));
        return take(']');
    }

    /// Of the object that is being read: all that follows it lies in it.
    [[nodiscard]] bool has_member(std::size_t index, std::string_view name) const {
        for (std::size_t i = index + 1; i < values_.size(); i += values_[i].nodes) {
            if (values_[i].name == name) {
                return true;
            }
        }
        return false;
    }

    /// From behind the opening quote to behind the closing one. @return what lies between
    std::optional<std::string_view> string_rest() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] >= ' ' && text_[at_] <= '~' && text_[at_] != '\\' &&
               text_[at_] != '"') {
            ++at_;
        }
        const std::string_view found = text_.substr(begin, at_ - begin);
        return take('"') ? std::optional(found) : std::nullopt;
    }

    bool number() {
        const std::size_t begin = at_;
        at_ = std::min(text_.find_first_not_of(digits, at_), text_.size());
        return at_ == begin + 1 || (at_ > begin && text_[begin] != '0');
    }

    bool literal() {
        for (const std::string_view each : {"true", "false", "null"}) {
            if (text_.substr(at_).starts_with(each)) {
                at_ += each.size();
                return true;
            }
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<JsonValue> values_;
};

} // namespace

JsonChildren JsonValue::children() const {
    return {this + 1, this + nodes};
}

const JsonValue* JsonValue::member(std::string_view wanted) const {
    if (kind != JsonKind::object) {
        return nullptr;
    }
    for (const JsonValue& each : children()) {
        if (each.name == wanted) {
            return &each;
        }
    }
    return nullptr;
}

std::size_t JsonChildren::count() const {
    std::size_t count = 0;
    for (Iterator at = begin(); at != end(); ++at) {
        ++count;
    }
    return count;
}

std::optional<JsonDocument> JsonDocument::parse(std::string_view text) {
    std::optional<std::vector<JsonValue>> values = Parser(text).document();
    return values ? std::optional(JsonDocument(std::move(*values))) : std::nullopt;
}

} // namespace authex::tee::sgx
