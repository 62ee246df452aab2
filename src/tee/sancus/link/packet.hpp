#pragma once
// One packet on a serial line, between a microcontroller and the manager of its node.
//
//   control   u8    bits 0–1 type, 2–3 number, 4–5 the number that is expected next, 6 more follows
//   message         only in packets of type data; in sync two words of 32 bits
//   check     u16   CRC-16 of all before it
//
// as COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999), ended by a zero byte. So
// whoever begins to listen in the middle is back in step at the next zero.

#include <authex/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace authex::tee::sancus::link {

/// A frame with a body of 256 bytes, padding and tag behind its longest compressed header.
/// (frame_header.hpp)
constexpr std::size_t message_bytes_max = 256 + 2 + 16 + 12;
constexpr std::size_t control_bytes = 1;
constexpr std::size_t check_bytes = 2;
constexpr std::size_t packet_bytes_max = control_bytes + message_bytes_max + check_bytes;
/// What COBS and the zero byte add to the longest packet.
constexpr std::size_t wire_bytes_max = packet_bytes_max + packet_bytes_max / 254 + 2;

enum class Type : std::uint8_t {
    data = 0,
    ack = 1,   ///< says only what is expected next
    again = 2, ///< asks for everything from the expected number on, or for an ack
    sync = 3,  ///< begins a session (link.hpp)
};

/// The first byte of a packet. Numbers count packets of type data modulo 4.
struct Control {
    Type type = Type::data;
    std::uint8_t number = 0;
    std::uint8_t expected = 0;
    bool more = false; ///< another packet follows at once; the peer need not listen yet

    [[nodiscard]] std::uint8_t byte() const {
        const unsigned numbers = number | unsigned{expected} << 2U;
        return static_cast<std::uint8_t>(static_cast<unsigned>(type) | numbers << 2U |
                                         (more ? 0x40U : 0U));
    }
    static Control of(std::uint8_t byte) {
        return {.type = static_cast<Type>(byte & 3U),
                .number = static_cast<std::uint8_t>(byte >> 2U & 3U),
                .expected = static_cast<std::uint8_t>(byte >> 4U & 3U),
                .more = (byte & 0x40U) != 0};
    }
    static constexpr std::uint8_t unused = 0x80;
};

struct Packet {
    std::uint16_t bytes = 0; ///< control and message; without the check
    std::array<std::uint8_t, packet_bytes_max> data{};
};

/// CRC-16 with the polynomial 0x1021, beginning with 0xffff (CRC-16/CCITT-FALSE).
std::uint16_t crc16(ByteView bytes);

/// Turns a packet into bytes for the line, one at a time.
class Encoder {
  public:
    /// @param data of `bytes` bytes and room for the check behind them. Borrowed until done.
    /// @param leading a zero goes first, which ends whatever noise the peer has heard
    void start(std::uint8_t* data, std::size_t bytes, bool leading);
    [[nodiscard]] bool busy() const { return busy_; }
    /// @pre busy()
    std::uint8_t next();

  private:
    const std::uint8_t* position_ = nullptr;
    const std::uint8_t* end_ = nullptr;
    std::uint8_t literals_ = 0; ///< of this block, still to go out
    bool zero_ = false;         ///< the block stands for a zero after its literals
    bool open_ = false;         ///< there is another block
    bool leading_ = false;
    bool busy_ = false;
};

enum class Decoded : std::uint8_t { nothing, packet, bad };

/// Finds packets in the bytes of a line.
class Decoder {
  public:
    /// @param packet where the next packet goes. Borrowed; may change after Decoded::packet or bad
    void into(Packet& packet) { packet_ = &packet; }
    Decoded byte(std::uint8_t byte);
    /// A packet has been announced by a zero, or something of it is there, but not its end.
    [[nodiscard]] bool inside() const { return inside_ || announced_; }

  private:
    void put(std::uint8_t byte);
    Decoded end();

    Packet* packet_ = nullptr;
    std::uint16_t bytes_ = 0;
    std::uint8_t left_ = 0; ///< literals of this block that are still to come
    bool inside_ = false;
    bool announced_ = false;
    bool full_ = false; ///< the block stands for no zero
    bool too_long_ = false;
};

} // namespace authex::tee::sancus::link
