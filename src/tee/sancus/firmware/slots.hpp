#pragma once
// The enclaves of the board, and the memory they lie in.

#include <array>
#include <cstdint>

#include "tee/sancus/link/messages.hpp"

namespace authex::tee::sancus::firmware {

struct Area {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
};

struct Slot {
    link::SlotState state = link::SlotState::free;
    std::uint8_t vector = no_vector;
    bool to_tell = false; ///< that it failed
    link::Failure failure{};
    std::uint16_t id = 0;
    Area text;
    Area data;

    static constexpr std::uint8_t no_vector = 0xFF;
};

using Slots = std::array<Slot, link::slots_max>;

/// The lowest place in `within` that no slot has. @param of &Slot::text or &Slot::data
/// @return its beginning; 0: there is none
std::uint16_t find_room(const Slots& slots, Area Slot::*of, Area within, std::uint16_t bytes);

} // namespace authex::tee::sancus::firmware
