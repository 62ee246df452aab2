#pragma once
// How a frame's header of 20 bytes (wire/frame.hpp) goes over the line: 3 to 12 bytes, which each
// stand for themselves.
//
//   u8         bits 0–2 slot of the module, 3–7 kind; of 24 or more: of a frame under a turned key,
//              less 24
//   u8         bits 0–3 flags, 4–6 bytes of the counter (7: 8 bytes), 7 the channel has two bytes
//   u8 or u16  channel
//   0–8 bytes  counter, without its leading zeros
//
// The length is that of the message; the deployment is what the manager knows of the slot.

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::tee::sancus::link {

constexpr std::size_t frame_header_bytes = 20;
constexpr std::size_t compressed_bytes_max = 12;
constexpr unsigned slot_bits = 3;
constexpr std::uint8_t slot_mask = (1U << slot_bits) - 1;

/// @param header 20 bytes. @param out ≥ compressed_bytes_max
/// @return bytes written; 0: no header of a frame that can go over the line
std::size_t compress_header(const std::uint8_t* header, std::uint8_t slot, std::uint8_t* out);

/// The first bytes of a message as a header of a frame. @param header 20 bytes
/// @return bytes of the message that the header took; 0: it is none
std::size_t restore_header(ByteView message, std::uint16_t deployment, std::uint8_t* header);

} // namespace authex::tee::sancus::link
