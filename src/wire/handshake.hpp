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
// An image has one owner key, two or three: 0 is that of the deployer, 1 the recovery key that is
// kept offline, 2 that of a delegate, who may do less (docs/security.md). The index needs no
// protection of its own: under another static key than the owner's the second message does not
// verify. (docs/protocol.md P39 …)

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
constexpr std::uint16_t delegate_index = 2;
constexpr std::size_t owner_keys_max = 3;

// Where the TEE has no asymmetric cryptography, and derives a key for each module that its owner
// can compute too (Sancus):
//
//   owner → module   handshake frame, body: 16 random bytes, the challenge
//   module → owner   handshake frame, direction back, body: KeyedHandshake from `session` on, then
//                    the evidence: the MAC of all of it under the module's key, `purpose` evidence
//   both             the key of the control channel, SPONGENT-128 in both directions: the same MAC,
//                    `purpose` session
//
// The kind byte comes first, so that nothing else under the module's key is taken for either.
// `session` counts the handshakes since the module was loaded: no channel has the key of another.
// Between two lives of a module it is the random numbers alone that differ. (docs/protocol.md P65
// …)

/// In the order of the wire, little-endian.
enum class KeyedPurpose : std::uint16_t {
    evidence = 0x0101, ///< Kind::handshake, then what it is for
    session = 0x0201,
};

struct KeyedLimits {
    std::uint16_t protocol_version = 1;
    std::uint16_t connections = 0;
    std::uint32_t body_bytes = 0;
};
static_assert(sizeof(KeyedLimits) == handshake_limits_bytes);

struct KeyedHandshake {
    KeyedPurpose purpose = KeyedPurpose::evidence;
    std::array<std::uint8_t, 16> challenge{};
    std::array<std::uint8_t, 8> session{};
    std::array<std::uint8_t, 8> random{}; ///< of the node's device
    std::array<std::uint8_t, handshake_limits_bytes> limits{};
};
static_assert(sizeof(KeyedHandshake) == 42);
constexpr std::size_t keyed_challenge_bytes = 16;
constexpr std::size_t keyed_answer_begin = offsetof(KeyedHandshake, session);
constexpr std::size_t keyed_answer_bytes = sizeof(KeyedHandshake) - keyed_answer_begin + 16;

} // namespace authex::wire
