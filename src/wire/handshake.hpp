#pragma once
// What both ends of a handshake must say alike.                         (DESIGN "Keys and
// freshness")
//
//   owner → module   handshake frame, channel: index of the owner key, body: Noise message 1,
//                    `-> e`, without payload
//   module → owner   handshake frame, direction back, same channel, body: u16 length of Noise
//   message
//                    2, that
//                    message, then 32 bytes of report data in clear for the node, which makes
//                    evidence of them. The owner computes the report data itself.
//   payload of Noise message 2: u16 protocol version, u16 connections, u32 largest body in bytes
//
// An image has one owner key or two: 0 is that of the deployer, 1 the recovery key that is kept
// offline. The index needs no protection of its own: under another static key than the owner's the
// second message does not verify. (docs/protocol.md P39 …)

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::wire {

constexpr std::array<std::uint8_t, 8> handshake_prologue = {'a', 'u', 't', 'h', 'e', 'x', ' ', '1'};
/// Report data = SHA-256(this label, then the handshake hash).
constexpr std::array<std::uint8_t, 16> report_label = {
    'a', 'u', 't', 'h', 'e', 'x', ' ', 'r', 'e', 'p', 'o', 'r', 't', ' ', 'v', '1'};
constexpr std::size_t report_data_bytes = 32;
constexpr std::size_t handshake_limits_bytes = 2 + 2 + 4;
constexpr std::size_t owner_keys_max = 2;

} // namespace authex::wire
