#include "tee/sgx/verifier/signed_json.hpp"

#include <set>

#include <fmt/format.h>

#include "tee/sgx/verifier/quote.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

using nlohmann::json;

constexpr int depth_max = 16;
constexpr std::string_view white_space = " \t\r\n";

/// @return discarded where the text is no JSON, too deep, or has a member twice
json parse_strictly(std::string_view text) {
    std::vector<std::set<std::string>> names;
    bool acceptable = true;
    json parsed = json::parse(
        text,
        [&](int depth, json::parse_event_t event, json& value) {
            acceptable = acceptable && depth <= depth_max;
            if (event == json::parse_event_t::object_start) {
                names.emplace_back();
            } else if (event == json::parse_event_t::object_end) {
                names.pop_back();
            } else if (event == json::parse_event_t::key) {
                acceptable = names.back().insert(value.get<std::string>()).second && acceptable;
            }
            return true;
        },
        /*allow_exceptions=*/false);
    return acceptable ? parsed : json(json::value_t::discarded);
}

/// Walks over JSON that is known to be well-formed.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    void white() { at_ = std::min(text_.find_first_not_of(white_space, at_), text_.size()); }
    void step() { ++at_; }
    [[nodiscard]] bool at(char wanted) const { return at_ < text_.size() && text_[at_] == wanted; }

    /// From its opening quote to after its closing one.
    std::string_view string() {
        const std::size_t begin = at_++;
        while (at_ < text_.size() && text_[at_] != '"') {
            at_ += text_[at_] == '\\' ? 2 : 1;
        }
        at_ = std::min(at_ + 1, text_.size());
        return text_.substr(begin, at_ - begin);
    }

    /// Any value, without the white space around it.
    std::string_view value() {
        const std::size_t begin = at_;
        int depth = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                string();
                continue;
            }
            if (c == '{' || c == '[') {
                ++depth;
            } else if (c == '}' || c == ']') {
                if (depth == 0) {
                    break;
                }
                --depth;
            } else if (c == ',' && depth == 0) {
                break;
            }
            ++at_;
        }
        const std::string_view found = text_.substr(begin, at_ - begin);
        return found.substr(0, found.find_last_not_of(white_space) + 1);
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

/// The bytes of a member of an object.
std::string_view raw_member(std::string_view object, std::string_view member) {
    Scanner scanner(object);
    scanner.white();
    do {
        scanner.step(); // the brace, or a comma
        scanner.white();
        const std::string_view name = scanner.string();
        scanner.white();
        scanner.step(); // the colon
        scanner.white();
        const std::string_view value = scanner.value();
        if (name.size() == member.size() + 2 && name.substr(1, member.size()) == member) {
            return value;
        }
        scanner.white();
    } while (scanner.at(','));
    return {};
}

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
    // Not even a byte order mark may stand in front, which one reader skips and another does not.
    const std::size_t begin = std::min(text.find_first_not_of(white_space), text.size());
    const bool brace = text.substr(begin).starts_with('{');
    json whole = brace ? parse_strictly(text) : json(json::value_t::discarded);
    if (!whole.is_object()) {
        return malformed_json(member, "is no JSON object, or has a member twice");
    }
    const auto value = whole.find(member);
    const auto signature = whole.find("signature");
    if (whole.size() != 2 || value == whole.end() || !value->is_object() ||
        signature == whole.end() || !signature->is_string()) {
        return malformed_json(
            member, fmt::format("is not {{\"{}\": {{…}}, \"signature\": \"…\"}}", member));
    }
    auto bytes = bytes_of_hex(signature->get_ref<const std::string&>());
    if (!bytes || bytes->size() != signature_bytes) {
        return malformed_json(member, "has a signature that is not 128 hexadecimal digits");
    }
    return SignedJson{.value = std::move(*value),
                      .raw = std::string(raw_member(text, member)),
                      .signature = std::move(*bytes)};
}

void JsonReader::fail(const char* name) {
    if (wrong_.empty()) {
        wrong_ = name;
    }
}

const json* JsonReader::find(const char* name) {
    const auto found = object_.find(name);
    return object_.is_object() && found != object_.end() ? &*found : nullptr;
}

std::string JsonReader::text(const char* name) {
    const json* value = find(name);
    if (value == nullptr || !value->is_string()) {
        fail(name);
        return {};
    }
    return value->get<std::string>();
}

std::uint64_t JsonReader::number(const char* name, std::uint64_t limit) {
    const json* value = find(name);
    if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > limit) {
        fail(name);
        return 0;
    }
    return value->get<std::uint64_t>();
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

std::vector<json> JsonReader::list(const char* name, bool required) {
    const json* value = find(name);
    if (value == nullptr && !required) {
        return {};
    }
    if (value == nullptr || !value->is_array()) {
        fail(name);
        return {};
    }
    return value->get<std::vector<json>>();
}

const json& JsonReader::object(const char* name) {
    static const json nothing = json::object();
    const json* value = find(name);
    if (value == nullptr || !value->is_object()) {
        fail(name);
        return nothing;
    }
    return *value;
}

} // namespace authex::tee::sgx
