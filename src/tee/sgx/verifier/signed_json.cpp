#include "tee/sgx/verifier/signed_json.hpp"

#include <charconv>

#include <fmt/format.h>

#include "tee/sgx/verifier/quote.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

int nibble(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

} // namespace

std::optional<std::vector<std::uint8_t>> bytes_of_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> bytes;
    bytes.reserve(digits.size() / 2);
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const int high = nibble(digits[i]);
        const int low = nibble(digits[i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

tl::unexpected<Diagnostic> malformed_json(const std::string& what, const std::string& why) {
    return failure("collateral-malformed",
                   fmt::format("{} {}", what, why),
                   "get the collateral again, and keep its bytes as they were served");
}

Expected<SignedJson> parse_signed_json(std::string_view text, const std::string& member) {
    if (text.size() > json_bytes_max) {
        return malformed_json(member, fmt::format("has more than {} bytes", json_bytes_max));
    }
    std::optional<JsonDocument> whole = JsonDocument::parse(text);
    if (!whole || whole->root().kind != JsonKind::object) {
        return malformed_json(member, "is no JSON object, or has a member twice");
    }
    const JsonValue* const value = whole->root().member(member);
    const JsonValue* const signature = whole->root().member("signature");
    if (whole->root().children().count() != 2 || value == nullptr ||
        value->kind != JsonKind::object || signature == nullptr ||
        signature->kind != JsonKind::string) {
        return malformed_json(
            member, fmt::format("is not {{\"{}\": {{…}}, \"signature\": \"…\"}}", member));
    }
    auto bytes = bytes_of_hex(signature->text);
    if (!bytes || bytes->size() != signature_bytes) {
        return malformed_json(member, "has a signature that is not 128 hexadecimal digits");
    }
    return SignedJson{
        .document = std::move(*whole), .value = value, .signature = std::move(*bytes)};
}

void JsonReader::fail(const char* name) {
    if (wrong_.empty()) {
        wrong_ = name;
    }
}

const JsonValue* JsonReader::find(const char* name, JsonKind kind) {
    const JsonValue* value = object_.member(name);
    if (value == nullptr || value->kind != kind) {
        fail(name);
        return nullptr;
    }
    return value;
}

std::string_view JsonReader::text(const char* name) {
    const JsonValue* value = find(name, JsonKind::string);
    return value == nullptr ? std::string_view() : value->text;
}

std::uint64_t JsonReader::number(const char* name, std::uint64_t limit) {
    const JsonValue* value = find(name, JsonKind::number);
    if (value == nullptr) {
        return 0;
    }
    std::uint64_t number = 0;
    const std::string_view digits = value->text;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (end.ec != std::errc() || number > limit) {
        fail(name);
        return 0;
    }
    return number;
}

std::vector<std::uint8_t> JsonReader::hex(const char* name, std::size_t bytes) {
    auto decoded = bytes_of_hex(text(name));
    if (!decoded || decoded->size() != bytes) {
        fail(name);
        return std::vector<std::uint8_t>(bytes);
    }
    return std::move(*decoded);
}

std::int64_t JsonReader::time(const char* name) {
    const auto time = parse_utc(text(name));
    if (!time) {
        fail(name);
    }
    return time.value_or(0);
}

JsonChildren JsonReader::list(const char* name) {
    const JsonValue* value = find(name, JsonKind::array);
    return value == nullptr ? JsonChildren(nullptr, nullptr) : value->children();
}

JsonChildren JsonReader::optional_list(const char* name) {
    return object_.member(name) == nullptr ? JsonChildren(nullptr, nullptr) : list(name);
}

const JsonValue& JsonReader::object(const char* name) {
    static const JsonValue nothing{.kind = JsonKind::object};
    const JsonValue* value = find(name, JsonKind::object);
    return value == nullptr ? nothing : *value;
}

} // namespace authex::tee::sgx
