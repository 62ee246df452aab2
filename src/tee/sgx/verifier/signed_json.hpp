#pragma once
// JSON as Intel's provisioning service signs it: {"<member>": {…}, "signature": "<hex>"}.
//              (Intel SGX and TDX Provisioning Certification Service API v4, "Get TCB Info")

#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/sgx/verifier/json.hpp"

namespace authex::tee::sgx {

constexpr std::size_t json_bytes_max = std::size_t{256} * 1024;

struct SignedJson {
    JsonDocument document;
    const JsonValue* value; ///< of the member, in the document; its text is what is signed
    std::vector<std::uint8_t> signature; ///< 64 bytes, r ‖ s
};

/// Anything but the two members is refused. The result's views are into `text`.
/// @error collateral-malformed
[[nodiscard]] Expected<SignedJson> parse_signed_json(std::string_view text,
                                                     const std::string& member);

/// Members of an object, read one after the other; the first that is wrong is remembered.
class JsonReader {
  public:
    explicit JsonReader(const JsonValue& object) : object_(object) {}

    [[nodiscard]] std::string_view text(const char* name);
    [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t limit);
    /// Hexadecimal digits of exactly this many bytes, upper or lower case.
    [[nodiscard]] std::vector<std::uint8_t> hex(const char* name, std::size_t bytes);
    [[nodiscard]] std::int64_t time(const char* name);
    [[nodiscard]] JsonChildren list(const char* name);
    /// None where there is no such member.
    [[nodiscard]] JsonChildren optional_list(const char* name);
    [[nodiscard]] const JsonValue& object(const char* name);

    /// This member is wrong.
    void fail(const char* name);

    [[nodiscard]] bool ok() const { return wrong_.empty(); }
    /// The name of the first member that is missing or wrong.
    [[nodiscard]] const std::string& wrong() const { return wrong_; }

  private:
    const JsonValue* find(const char* name, JsonKind kind);

    const JsonValue& object_;
    std::string wrong_;
};

/// @error collateral-malformed, saying which member of what
[[nodiscard]] tl::unexpected<Diagnostic> malformed_json(const std::string& what,
                                                        const std::string& why);

/// The bytes of hexadecimal digits. Nothing where they are none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> bytes_of_hex(std::string_view digits);

} // namespace authex::tee::sgx
