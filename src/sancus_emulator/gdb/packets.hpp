#pragma once
// Packets of GDB's remote protocol: `$payload#checksum`, where the checksum is the sum of the bytes
// between, modulo 256, in two hexadecimal digits; `}` escapes the byte that follows, xor 0x20.
// Source: Debugging with GDB, appendix E.1.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace authex::sancus_emulator::gdb {

/// The longest payload either side sends, in bytes as they travel.
constexpr std::size_t packet_bytes_max = 0x2000;

struct Item {
    enum class Kind : std::uint8_t {
        packet,
        damaged,      ///< the checksum is another
        oversized,    ///< a whole packet with a payload of more than packet_bytes_max
        interrupt,    ///< Ctrl-C
        acknowledged, ///< `+`
        refused,      ///< `-`: the last packet is to be sent again
    };
    Kind kind = Kind::packet;
    std::string payload; ///< of a packet, without escapes
};

/// Finds packets in a stream of bytes. Holds one packet at most; what stands between packets and
/// means nothing is skipped.
class PacketReader {
  public:
    /// @return what the byte has completed
    std::optional<Item> take(char byte);

  private:
    enum class State : std::uint8_t { between, payload, escaped, first_digit, second_digit };
    std::optional<Item> outside(char byte);
    void inside(char byte);
    Item whole(unsigned digit);

    State state_ = State::between;
    std::string payload_;
    std::size_t size_ = 0;
    std::uint8_t sum_ = 0;
    unsigned high_digit_ = 0;
};

/// A payload as a packet.
[[nodiscard]] std::string frame(std::string_view payload);

[[nodiscard]] std::string hex(ByteView bytes);
[[nodiscard]] std::string hex(std::string_view text);

/// Takes the parts of a payload one after the other.
class Fields {
  public:
    explicit Fields(std::string_view text) : text_(text) {}

    /// A hexadecimal number below 2⁶⁴ of one digit or more.
    std::optional<std::uint64_t> number();
    /// @return whether this came next, and is passed
    bool skip(std::string_view text);
    [[nodiscard]] bool done() const { return text_.empty(); }
    [[nodiscard]] std::string_view rest() const { return text_; }

  private:
    std::string_view text_;
};

} // namespace authex::sancus_emulator::gdb
