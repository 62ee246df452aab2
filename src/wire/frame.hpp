#pragma once
// The frame: the same bytes between deployer, event manager and enclave, on every link. (DESIGN
// "Frames") This header is the only home of its layout and limits; docs/protocol.md has the rules
// (P1 …) in words.
//
//   offset size field        little-endian throughout
//        0    1 version      1
//        1    1 kind
//        2    2 deployment   the application, per event manager
//        4    2 channel      connection id; entry, timer or stream endpoint id for the plain kinds
//        6    2 flags        bits 0-1 padding bytes, bit 2 direction, bit 3 negative, bit 4 which
//                            key of the connection; the rest zero
//        8    4 length       bytes after the header: body, and tag where sealed
//       12    8 counter
//       20      body, then a 16-byte tag where sealed

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace authex::wire {

constexpr std::uint8_t protocol_version = 1;
constexpr std::size_t header_bytes = 20;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t associated_bytes = 12;
constexpr std::size_t ack_body_bytes = 4;

/// Largest body of a frame on a TEE with memory; modules on Sancus state their own. Larger ones are
/// refused where they are sent.
#ifndef AUTHEX_MAX_BODY_BYTES
#define AUTHEX_MAX_BODY_BYTES 65536
#endif
constexpr std::size_t max_body_bytes = AUTHEX_MAX_BODY_BYTES;
/// Padding can add one or two bytes to a SPONGENT body.
constexpr std::size_t max_length = max_body_bytes + 2 + tag_bytes;
constexpr std::size_t max_frame_bytes = header_bytes + max_length;
static_assert(max_body_bytes >= 52); // an audit of one connection (wire/control.hpp)

/// What a frame is. Values are stable.
enum class Kind : std::uint8_t {
    handshake = 1, ///< plain; Noise messages: deployer → module (direction 0) and back (1)
    control = 2,   ///< sealed under the module's control keys
    event = 3,     ///< sealed under the connection key, source → destination
    request = 4,   ///< sealed, source → destination; answered by the reply with the same counter
    reply = 5,     ///< sealed, destination → source (direction 1)
    ack = 6,  ///< plain; of (channel, direction). To a module: which counter does it expect? No
              ///< body. From one: counter = the next one expected, body = u32 epoch of the key
              ///< that it counts under. negative: a frame came too early
    call = 7, ///< plain; channel = entry id, counter = call number
    result =
        8, ///< plain; answers the call with that number; negative: refused, body = one Error byte
    listen = 9, ///< plain; module: body = u16 port (0: any), u8 1: streams are pulled, else 0.
                ///< Answer to it: body = u16 port bound, or negative
    stream_open = 10,  ///< plain; counter = stream number, channel = stream endpoint id. From a
                       ///< module: the next piece of that stream, which is pulled, may come
    stream_data = 11,  ///< plain
    stream_close = 12, ///< plain
    timer = 13,   ///< plain; module: body = u64 delay in µs (0: as soon as possible), counter =
                  ///< arming number. Back: body = u64 time in µs
    log = 14,     ///< plain; channel = LogLevel, body = text
    refusal = 15, ///< plain; from a module: the frame with this channel, direction and counter was
                  ///< refused, body = u8 kind, u8 Error
    hello = 16,   ///< plain; opens a link or asks a module whether it is there (docs/protocol.md)
    ping = 17,    ///< plain; keep-alive of a link. Answered by the same with `negative` set
    state = 18, ///< sealed under the module's state key; from a module to its host, which keeps the
                ///< last one. counter = how many there were before
    time = 19, ///< plain, no body to a module: counter = µs since 1970, as the host says. From one:
               ///< it wants to be told (direction 0), or has been (1): the same counter, body =
               ///< u64 frames that it had taken before
};
constexpr std::uint8_t kind_max = 19;

/// True for the kinds whose body is followed by a tag.
[[nodiscard]] constexpr bool is_sealed(Kind kind) {
    return kind == Kind::control || kind == Kind::event || kind == Kind::request ||
           kind == Kind::reply || kind == Kind::state;
}

enum Flag : std::uint16_t {
    flag_padding = 0x0003,
    flag_direction = 0x0004,
    flag_negative = 0x0008,
    flag_turned = 0x0010, ///< sealed under a key of the connection with an odd number
    flag_known = 0x001F,
};

/// Direction of a frame on its connection or control channel; the value is its bit in the flags.
enum class Direction : std::uint8_t { forward = 0, back = 1 };

/// In the order of the wire, so that it is read and written with one or two copies.
struct FrameHeader {
    std::uint8_t version = protocol_version; ///< of a header that arrived; never written
    Kind kind = Kind::event;
    std::uint16_t deployment = 0;
    std::uint16_t channel = 0;
    std::uint16_t flags = 0;
    std::uint32_t length = 0; ///< bytes after the header
    std::uint64_t counter = 0;

    [[nodiscard]] Direction direction() const {
        return (flags & flag_direction) != 0 ? Direction::back : Direction::forward;
    }
    [[nodiscard]] bool negative() const { return (flags & flag_negative) != 0; }
    [[nodiscard]] std::uint8_t padding() const {
        return static_cast<std::uint8_t>(flags & flag_padding);
    }
    [[nodiscard]] std::size_t frame_bytes() const {
        return header_bytes + static_cast<std::size_t>(length);
    }
    /// Safe also where std::size_t is narrower than `length`.
    [[nodiscard]] bool length_within(std::size_t limit) const {
        const auto bytes = static_cast<std::size_t>(length);
        return bytes == length && bytes <= limit;
    }
};

/// Whether this processor lays a header out as the wire does. One that aligns the counter leaves a
/// gap before it.
constexpr bool header_is_as_on_the_wire = offsetof(FrameHeader, counter) == 12;

/// A header as it arrived, checked: version and kind known, flags as the kind allows, length within
/// the limits and long enough for a tag where the kind is sealed. It proves nothing about who wrote
/// it. All fields are filled in also where it is refused, unless truncated, so that the refusal can
/// name them; `kind` may then be no enumerator.
/// @error truncated (fewer than header_bytes) | unknown_version | unknown_kind | too_large |
/// malformed
[[nodiscard]] Error parse_header(ByteView bytes, FrameHeader& header);

/// Writes the 20 bytes. @pre out.size() >= header_bytes.
void write_header(const FrameHeader& header, Bytes out);
/// The 20 bytes: `header` itself where it is as on the wire, else in `room`.
/// @pre room.size() >= header_bytes.
[[nodiscard]] ByteView header_as_bytes(FrameHeader& header, Bytes room);

/// A whole frame inside borrowed bytes.
struct FrameView {
    FrameHeader header;
    ByteView body; ///< without the tag
    ByteView tag;  ///< 16 bytes, or empty where the kind is plain
    [[nodiscard]] std::size_t frame_bytes() const { return header.frame_bytes(); }
};

/// Parses the first frame of `bytes`; more may follow. @error as parse_header; truncated also where
/// the body is not all there.
[[nodiscard]] Error parse_frame(ByteView bytes, FrameView& frame);

/// The associated data of a sealed frame: kind, flags' low byte, channel, counter, little-endian.
struct alignas(4) AssociatedData : std::array<std::uint8_t, associated_bytes> {};
[[nodiscard]] AssociatedData associated_data(const FrameHeader& header);

/// The AES-GCM nonce: direction byte, three zero bytes, counter as 64 bits big-endian.     (DESIGN
/// "Keys and freshness")
[[nodiscard]] std::array<std::uint8_t, 12> nonce(const FrameHeader& header);

/// The last counter that may be sealed under one key; the next is refused with Error::exhausted.
/// 2^48 frames stay far below the bound of SP 800-38D §8.3 for deterministic nonces and leave the
/// 64-bit counter room.
#ifndef AUTHEX_COUNTER_LIMIT
#define AUTHEX_COUNTER_LIMIT (std::uint64_t{1} << 48U)
#endif
constexpr std::uint64_t counter_limit = AUTHEX_COUNTER_LIMIT;

} // namespace authex::wire
