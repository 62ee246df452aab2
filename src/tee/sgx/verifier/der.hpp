#pragma once
// Walks over DER: definite, minimal lengths and one-byte tags only.              (ITU-T X.690
// §10.1)

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

namespace der {
constexpr std::uint8_t integer = 0x02;
constexpr std::uint8_t octet_string = 0x04;
constexpr std::uint8_t object_identifier = 0x06;
constexpr std::uint8_t enumerated = 0x0A;
constexpr std::uint8_t sequence = 0x30;
} // namespace der

class DerReader {
  public:
    explicit DerReader(ByteView bytes) : bytes_(bytes) {}

    /// The content of the next element, which must have this tag. Nothing, and the same for all
    /// that follows, where it has another or is not DER.
    [[nodiscard]] std::optional<ByteView> take(std::uint8_t tag);
    /// The next element whatever it is.
    [[nodiscard]] std::optional<ByteView> skip();
    /// A non-negative INTEGER of at most 4 bytes of value.
    [[nodiscard]] std::optional<std::uint32_t> unsigned_integer();
    [[nodiscard]] bool done() const { return bytes_.empty(); }

  private:
    std::optional<ByteView> next(std::optional<std::uint8_t> tag);

    ByteView bytes_;
};

} // namespace authex::tee::sgx
