#pragma once
// What the owner says to a module inside sealed control frames, and what the module answers: the
// messages, and the module's part. The owner's is control_owner.hpp.
// (DESIGN "Keys and freshness")
//
// A message is one type byte and its fields, little-endian; the body of the frame holds exactly
// one. The answer is the same type byte with bit 7 set, the counter of the frame that it answers
// (u64), an Error byte (0: done) and, where done, data.
//
//   type                fields                                   data of the answer
//   1 seed              entropy 32 bytes                         –
//   2 set_connection    channel u16, endpoint u16, role u8,      next counter u64, to send or to
//                       algorithm u8, delivery u8, epoch u32,    expect
//                       key 16 bytes; one with a deadline:
//                       deadline u8, within u32
//   3 remove_connection channel u16                              –
//   4 disable           –                                        –
//   5 audit             –                                        AuditEntry × n
//   6 set_value         kind u8, name length u8, name, value     –
//   7 remove_value      kind u8, name length u8, name            –
// Of one instance of a module that takes another's place:
//   8 pause             –                                        Waiting × n: armed timers, ports
//   9 resume            –                                        –
//  10 accept_state      –                                        X25519 public key, 32 bytes
//  11 export_state      recipient 32 bytes, offset u32           bytes of state u32, sealed state
//  12 import_state      version u32, length u16, sealed state,   –
//                       StatePiece × n
//  13 continue_connection  as set_connection; counters 4 × u64,  –
//                       in the order of an audit; turn u32
//  14 arm               Waiting                                  –
// Of a connection that goes on under another key:
//  15 turn_key          channel u16, key 16 bytes, turn u32,     next counter u64, to send or to
//                       seals u8, until u64                      expect
// Of a module whose state outlives its process:
//  16 keep_state        key 16 bytes                             –
//  17 restore_state     key 16 bytes, a frame of kind state      its counter u64, KeptState without
//                                                                the state
//
// An order that is authentic but not understood (malformed, unknown_kind …) is answered too, so
// that the owner, and nobody else, hears it from the module.
//
// Idempotence: set_connection with the channel, endpoint, role, algorithm, epoch and key that are
// already set answers «done» and changes nothing, so a deployer that was killed may say it again.
// The same epoch with anything else: key_mismatch. A smaller one: old_epoch.
// set_value takes the place of what the name had, remove_value of a name that is not there is done.
// turn_key of the turn that is set already, with its key, is done. Turns count from 0, one by one.
// A paused module takes nothing but its owner's orders and handshakes; 10 … 14 are for paused ones.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/aead.hpp"
#include "wire/frame.hpp"

namespace authex::wire {

enum class ControlType : std::uint8_t {
    seed = 1,
    set_connection = 2,
    remove_connection = 3,
    disable = 4,
    audit = 5,
    set_value = 6,
    remove_value = 7,
    pause = 8,
    resume = 9,
    accept_state = 10,
    export_state = 11,
    import_state = 12,
    continue_connection = 13,
    arm = 14,
    turn_key = 15,
    keep_state = 16,
    restore_state = 17,
};
constexpr std::uint8_t control_answer_bit = 0x80;

/// Which end of a connection a module is.
enum class Role : std::uint8_t { source = 0, destination = 1 };
enum class Delivery : std::uint8_t { ordered = 0, lossy = 1 };

constexpr std::size_t connection_key_bytes = 16;
constexpr std::size_t seed_bytes = 32;

/// Whether this build can hand over to another instance of its module, and take over from one.
/// One without answers the orders for it with unknown_kind.
#ifndef AUTHEX_WITH_HANDOVER
#define AUTHEX_WITH_HANDOVER 1
#endif

/// Whether this build knows deadlines. One without answers a connection that has one with
/// malformed.
#ifndef AUTHEX_WITH_DEADLINES
#define AUTHEX_WITH_DEADLINES AUTHEX_WITH_HANDOVER
#endif

/// Events and requests of a connection with a deadline begin with the time at which they were sent,
/// u64 µs, 0: unknown. What becomes of one that is late, and whose time counts; bits.
enum Deadline : std::uint8_t {
    deadline_none = 0,
    late_marked = 1,  ///< given on, marked
    late_dropped = 2, ///< not given on; the next one says how many were not
    by_own_clock = 4, ///< as the module was told by other modules; else as the hosts say
};
constexpr std::size_t deadline_bytes = 1 + 4;
constexpr std::size_t sent_at_bytes = 8;

/// In the order of the wire and without gaps, so that two of them can be compared as bytes.
struct SetConnection {
    std::uint16_t channel = 0;
    std::uint16_t endpoint = 0;
    Role role = Role::source;
    crypto::Algorithm algorithm{}; ///< zero is none
    Delivery delivery = Delivery::ordered;
    std::uint8_t deadline = deadline_none; ///< on the wire at the end, with `within_us`
    std::uint32_t epoch = 0;               ///< from 1
    std::array<std::uint8_t, connection_key_bytes> key{};
#if AUTHEX_WITH_DEADLINES
    std::uint32_t within_us = 0; ///< an event that is older is late
#endif
};
constexpr std::size_t set_connection_bytes = 1 + 2 + 2 + 1 + 1 + 1 + 4 + connection_key_bytes;

/// Whether this build knows values; one without answers set_value and remove_value with
/// unknown_kind.
#ifndef AUTHEX_WITH_VALUES
#define AUTHEX_WITH_VALUES 1
#endif

/// What a value of the descriptor is. A module that asks for one kind never sees the other.
enum class ValueKind : std::uint8_t { config = 0, secret = 1 };
constexpr std::size_t value_name_max_bytes = 63;
constexpr std::size_t value_max_bytes = 4096;
/// All values of a module together; each costs this much beside its name and value.
constexpr std::size_t values_total_max_bytes = 16384;
constexpr std::size_t value_overhead_bytes = 1 + 1 + 2;

/// A value by its name; borrowed from the parsed bytes.
struct NamedValue {
    ValueKind kind = ValueKind::config;
    ByteView name;  ///< 1 … value_name_max_bytes
    ByteView value; ///< at most value_max_bytes; empty in remove_value
};
/// @error malformed: the name's length | too_large: the value
[[nodiscard]] Error check_value(const NamedValue& named);
constexpr std::size_t set_value_max_bytes = 1 + 1 + 1 + value_name_max_bytes + value_max_bytes;

/// Whether state travels sealed by one instance for another: Noise_N (crypto/noise.hpp) with this
/// prologue. Else, where the owner can compute every key of a module, it is said to him, and by
/// him, inside the sealed orders and answers alone; then `recipient` is empty.
#ifndef AUTHEX_WITH_SEALED_STATE
#define AUTHEX_WITH_SEALED_STATE AUTHEX_WITH_HANDOVER
#endif
/// So much of it at a time.
#ifndef AUTHEX_STATE_CHUNK_BYTES
#define AUTHEX_STATE_CHUNK_BYTES 16384
#endif
constexpr std::size_t state_chunk_max_bytes = AUTHEX_STATE_CHUNK_BYTES;
constexpr std::array<std::uint8_t, 14> state_prologue = {
    'a', 'u', 't', 'h', 'e', 'x', ' ', 's', 't', 'a', 't', 'e', ' ', '1'};
/// Of all pieces in one import_state.
constexpr std::size_t state_pieces_max_bytes = 16384;
/// The public key that a chunk is sealed for, and what is beside the state in it: an ephemeral key
/// and a tag.
constexpr std::size_t state_recipient_bytes = AUTHEX_WITH_SEALED_STATE != 0 ? 32 : 0;
constexpr std::size_t state_overhead_bytes = AUTHEX_WITH_SEALED_STATE != 0 ? 32 + 16 : 0;
constexpr std::size_t import_state_max_bytes =
    1 + 4 + 2 + state_overhead_bytes + state_chunk_max_bytes + state_pieces_max_bytes;

/// What is done with some bytes of a chunk: they are copied to `to` of the module's state or, where
/// that is state_migrates, given with a name to the module's own function. On the wire: from u16,
/// bytes u16, to u32, name length u8, name.
struct StatePiece {
    std::uint16_t from = 0; ///< in the chunk
    std::uint16_t bytes = 0;
    std::uint32_t to = 0;
    ByteView name; ///< of a variable that migrates, whole; else empty
};
constexpr std::uint32_t state_migrates = 0xFFFFFFFF;
/// @error truncated
[[nodiscard]] Error parse_state_piece(Reader& reader, StatePiece& piece);

/// Whether this build turns the keys of its connections. One without answers turn_key with
/// unknown_kind.
#ifndef AUTHEX_WITH_TURNS
#define AUTHEX_WITH_TURNS AUTHEX_WITH_HANDOVER
#endif

/// Whether its state can outlive its process. One without answers keep_state and restore_state with
/// unknown_kind.
#ifndef AUTHEX_WITH_KEEPING
#define AUTHEX_WITH_KEEPING AUTHEX_WITH_HANDOVER
#endif

/// A module's state as it is kept, the body of a frame of kind state: bytes of state u32, state,
/// number of connections u16, AuditEntry × n, Waiting × n. Its counters are those of the moment
/// when the state was as it is.
constexpr std::size_t kept_state_fixed_bytes = 4 + 2;
/// Beside the state in restore_state: type, key, and what is around the body of a frame.
constexpr std::size_t restore_state_fixed_bytes =
    1 + connection_key_bytes + header_bytes + tag_bytes;

/// A timer that is armed, or a port where a module listens. On the wire: endpoint u16, value u64.
struct Waiting {
    std::uint16_t endpoint = 0;
    std::uint64_t value = 0; ///< the timer's delay in µs; the port, plus listening_pulled
};
constexpr std::size_t waiting_bytes = 2 + 8;
constexpr std::uint64_t listening_pulled = 0x10000;

/// Room for any message.
constexpr std::size_t control_message_max_bytes = AUTHEX_WITH_HANDOVER != 0 ? max_body_bytes
                                                  : AUTHEX_WITH_VALUES != 0 ? set_value_max_bytes
                                                  : 1 + seed_bytes > set_connection_bytes
                                                      ? 1 + seed_bytes
                                                      : set_connection_bytes;

struct ControlMessage {
    ControlType type = ControlType::audit;
    /// set_connection; remove_connection uses `channel` only, turn_key that and `key`, keep_state
    /// and restore_state `key`
    SetConnection connection;
    ByteView entropy; ///< seed: 32 bytes inside the parsed bytes
#if AUTHEX_WITH_VALUES
    NamedValue named; ///< set_value, remove_value
#endif
#if AUTHEX_WITH_HANDOVER
    ByteView recipient;        ///< export_state: X25519 public key
    std::uint32_t offset = 0;  ///< export_state: where the chunk begins
    std::uint32_t version = 0; ///< import_state: of the state, as its module calls it
    ByteView sealed;           ///< import_state: one chunk; restore_state: a frame
    ByteView pieces;           ///< import_state: StatePiece × n
    /// continue_connection: next out, accepted, refused, next in
    std::array<std::uint64_t, 4> counters{};
    Waiting waiting; ///< arm
#endif
#if AUTHEX_WITH_TURNS || AUTHEX_WITH_HANDOVER
    std::uint32_t turn = 0; ///< turn_key; continue_connection: of its key
#endif
#if AUTHEX_WITH_TURNS
    bool seals = false; ///< turn_key: not only opens, also seals under the new key from now on
    /// turn_key: what was sealed under the key before has smaller counters
    std::uint64_t until = ~std::uint64_t{0};
#endif
};

/// @error truncated | malformed (a field out of range, bytes left over) | unknown_kind | too_large:
/// a value
[[nodiscard]] Error parse_control(ByteView body, ControlMessage& message);

/// The fixed part of an answer: what wire/control_owner.hpp reads.
constexpr std::size_t control_answer_bytes = 1 + 8 + 1;
/// Writes the fixed part. @pre out.size() >= control_answer_bytes.
void write_answer(ControlType type, const std::uint64_t& answers, Error error, Bytes out);

/// One connection as the module sees it: the fields of AuditEntry, in their order.
/// (wire/control_owner.hpp)
constexpr std::size_t audit_entry_bytes = 2 + 2 + 1 + 4 + 4 * 8;
/// It begins as SetConnection does: channel, endpoint, role.
constexpr std::size_t audit_terms_bytes = 2 + 2 + 1;
static_assert(offsetof(SetConnection, role) == audit_terms_bytes - 1);

} // namespace authex::wire
