#pragma once
// What manager and microcontroller say to each other: each message of the link begins with a byte
// of which bits 0–2 are a slot. Below slot_commands it is a frame to or from the module in that
// slot (frame_header.hpp), else a command, its answer or a notice:
//
//   u8 code << 3 | slot_commands
//   u8 number of the command, which its answer repeats; 0 in a notice
//   u8 Refusal, in answers
//   arguments or results, words little-endian
//
// Commands, their arguments -> their results; words where nothing else is said:
//
//   hello                             -> firmware version, text begin, end, data begin, end, last
//   id,
//                                        slots
//   reserve u8 slot, text bytes, data bytes               -> text address, data address
//   write   address, bytes
//   protect u8 slot, u8 Role, vendor, text bytes, data begin, data end                     -> id
//   bind    u8 slot, u8 vector
//   leave   u8 slot
//   status                            -> last id, damaged packets, then of each slot:
//                                        u8 SlotState, id, text address
//   reset                             -> nothing: the board begins anew
//   every   u8 slot, u8 index, entry, u32 ms
//   route   u8 source slot, channel, u8 destination slot
//
// Notices:
//
//   failed  u8 slot, u8 Failure
//   called  u8 slot, u8 index, u32 calls, u32 missed; about once a second
//   carried u8 source slot, channel, events, u32 bytes, u64 counter after the last of them; when
//           the manager has been heard

#include <cstdint>

#include "tee/sancus/link/frame_header.hpp"

namespace authex::tee::sancus::link {

constexpr std::uint16_t firmware_version = 3;
constexpr std::uint8_t slot_commands = slot_mask;
/// Enclaves of modules and gates at a time, as far as the firmware is concerned; the hardware may
/// have room for fewer.
constexpr std::uint8_t slots_max = slot_commands;
/// Text and data begin at multiples of it.
constexpr std::uint16_t alignment = 8;
/// Of one write.
constexpr std::uint16_t write_bytes_max = 256;

/// Connections whose events stay on a board, and what of them waits there: two
/// of the largest size.
constexpr std::uint8_t local_routes_max = 8;
constexpr std::size_t local_bytes_max = 600;
/// Periodic entries on a board at a time.
constexpr std::uint8_t periodic_max = 8;
constexpr std::uint32_t period_ms_min = 10;

enum class Code : std::uint8_t {
    hello = 1,
    reserve = 2, ///< memory for the enclave in a free slot; its data are zeroed
    write = 3,   ///< into the reserved text of a slot that is not protected
    protect = 4, ///< data: the reserved ones, or a device's registers
    bind = 5,    ///< an interrupt vector to the slot's entry; once protected
    leave = 6,   ///< ends what is in the slot and frees it
    status = 7,
    reset = 8,
    every = 9,    ///< the entry is called with this period; 0: no more
    route = 10,   ///< events of this channel stay on the board; slots_max: no more
    failed = 16,  ///< notice
    called = 17,  ///< notice: what was counted of a periodic entry
    carried = 18, ///< notice: what has not left the board
};

enum class Refusal : std::uint8_t {
    none = 0,
    unknown = 1,   ///< no such command
    malformed = 2, ///< its arguments are too few, too many, or cannot be
    slot = 3,      ///< the slot is free, taken, or not in the state for it
    memory = 4,    ///< no room of that size
    address = 5,   ///< not in a reserved text
    hardware = 6,  ///< the microcontroller refused to protect it: no room for another enclave
    vector = 7,    ///< that interrupt is the firmware's own, another module's, or does not exist
    stays = 8,     ///< the module did not leave; its memory is lost until the next reset
};

enum class Role : std::uint8_t {
    module = 0, ///< takes and gives frames
    gate = 1,   ///< is called by its driver only
};

enum class SlotState : std::uint8_t {
    free = 0,
    reserved = 1,
    module = 2, ///< protected
    gate = 3,   ///< likewise
    failed = 4, ///< protected, but no longer called
};

/// Why a module is no longer called.
enum class Failure : std::uint8_t {
    violation = 1,   ///< it broke the rules of the hardware, or let itself be interrupted
    output = 2,      ///< it gave what are no frames
    error = 3,       ///< it answered that it failed
    consumption = 4, ///< it took more than it was given
};

} // namespace authex::tee::sancus::link
