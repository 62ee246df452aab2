#pragma once
// Entries of modules that are called again and again, by the microcontroller's own Timer A. It
// counts while there are any.

#include <array>
#include <cstdint>

#include "tee/sancus/link/messages.hpp"

namespace authex::tee::sancus::firmware {

struct Periodic {
    std::uint8_t slot = unused;
    std::uint8_t index = 0; ///< the manager's name for it
    bool due = false;       ///< it is to be called
    bool to_tell = false;   ///< what was counted
    std::uint16_t entry = 0;
    std::uint32_t every_ms = 0;
    std::uint32_t left_ms = 0;
    std::uint32_t called = 0;
    std::uint32_t missed = 0; ///< times that the one before had not been called yet

    static constexpr std::uint8_t unused = link::slots_max;
};

class Timekeeper {
  public:
    /// Calls the entry from now on; what is as it was goes on. @param every_ms 0: no more
    /// @return false: there are periodic_max already
    bool set(const Periodic& wanted);
    /// Nothing more for the slot.
    void remove(std::uint8_t slot);
    /// Takes note of the time since the last call. @pre it was at most 2^19 cycles ago; what was
    /// more is lost
    void follow();
    /// An entry that is due, in turn; null: none.
    Periodic* due();
    std::array<Periodic, link::periodic_max>& all() { return periodic_; }

  private:
    void pass(std::uint16_t ms);
    void start_or_stop();

    std::array<Periodic, link::periodic_max> periodic_;
    std::uint16_t last_ = 0;       ///< the timer at the last whole millisecond
    std::uint16_t until_told_ = 0; ///< in ms
    std::uint8_t turn_ = 0;
    bool runs_ = false;
};

} // namespace authex::tee::sancus::firmware
