#pragma once
// Writes DER (ITU-T X.690, §8 and §10) from its end to its beginning, so that a length is written
// when it is known.

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

/// Identifier octets. (X.690 §8.1.2)
namespace der {
constexpr std::uint8_t boolean = 0x01;
constexpr std::uint8_t integer = 0x02;
constexpr std::uint8_t bit_string = 0x03;
constexpr std::uint8_t octet_string = 0x04;
constexpr std::uint8_t oid = 0x06;
constexpr std::uint8_t utf8_string = 0x0C;
constexpr std::uint8_t utc_time = 0x17;
constexpr std::uint8_t generalized_time = 0x18;
constexpr std::uint8_t sequence = 0x30;
constexpr std::uint8_t set = 0x31;
/// [n], primitive and constructed.
constexpr std::uint8_t context(std::uint8_t n) {
    return static_cast<std::uint8_t>(0x80U | n);
}
constexpr std::uint8_t constructed_context(std::uint8_t n) {
    return static_cast<std::uint8_t>(0xA0U | n);
}
} // namespace der

/// Fills borrowed bytes from their end. What does not fit makes it fail for good.
class DerWriter {
  public:
    explicit DerWriter(Bytes room) : room_(room), begin_(room.size()) {}

    /// Puts bytes in front of what is there.
    void bytes(ByteView value);
    /// Puts identifier and length in front of what is there. @param content_bytes < 65,536
    void header(std::uint8_t identifier, std::size_t content_bytes);
    /// Makes one value of all that was written since size() was `before`.
    void enclose(std::uint8_t identifier, std::size_t before) {
        header(identifier, size() - before);
    }
    void value(std::uint8_t identifier, ByteView content);

    [[nodiscard]] std::size_t size() const { return room_.size() - begin_; }
    [[nodiscard]] bool ok() const { return !failed_; }
    [[nodiscard]] ByteView written() const { return room_.subspan(begin_); }

  private:
    Bytes room_;
    std::size_t begin_;
    bool failed_ = false;
};

} // namespace authex::web
