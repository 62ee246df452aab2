#pragma once
// JSON as Intel writes it, and nothing that two readers could understand differently: printable
// ASCII without escapes, whole numbers that are not negative, no member twice.      (of RFC 8259)

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace authex::tee::sgx {

enum class JsonKind : std::uint8_t { object, array, string, number, literal };

class JsonChildren;

/// Its views are into the text that was parsed.
struct JsonValue {
    JsonKind kind = JsonKind::literal;
    std::string_view name; ///< as a member of an object
    std::string_view text; ///< its bytes in the text; of a string, those between its quotes
    std::size_t nodes = 1; ///< values of its tree: itself, then in memory all that it contains

    /// Of an object or an array; none of any other.
    [[nodiscard]] JsonChildren children() const;
    /// Nullptr where there is no such member.
    [[nodiscard]] const JsonValue* member(std::string_view wanted) const;
};

/// The values directly in another, in their order.
class JsonChildren {
  public:
    class Iterator {
      public:
        explicit Iterator(const JsonValue* at) : at_(at) {}
        const JsonValue& operator*() const { return *at_; }
        Iterator& operator++() {
            at_ += at_->nodes;
            return *this;
        }
        bool operator==(const Iterator&) const = default;

      private:
        const JsonValue* at_;
    };

    JsonChildren(const JsonValue* first, const JsonValue* end) : first_(first), end_(end) {}
    [[nodiscard]] Iterator begin() const { return Iterator(first_); }
    [[nodiscard]] Iterator end() const { return Iterator(end_); }
    [[nodiscard]] std::size_t count() const;

  private:
    const JsonValue* first_;
    const JsonValue* end_;
};

/// A whole text.
class JsonDocument {
  public:
    /// Nothing where the text is none of the JSON above, or its values lie more than 16 deep, or an
    /// object has more than 64 members.
    [[nodiscard]] static std::optional<JsonDocument> parse(std::string_view text);

    JsonDocument(JsonDocument&&) = default;
    JsonDocument& operator=(JsonDocument&&) = default;
    JsonDocument(const JsonDocument&) = delete; // who has a value of it would have none of the copy
    JsonDocument& operator=(const JsonDocument&) = delete;
    ~JsonDocument() = default;

    [[nodiscard]] const JsonValue& root() const { return values_.front(); }

  private:
    explicit JsonDocument(std::vector<JsonValue> values) : values_(std::move(values)) {}

    std::vector<JsonValue> values_;
};

} // namespace authex::tee::sgx
