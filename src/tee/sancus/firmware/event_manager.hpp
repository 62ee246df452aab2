#pragma once
// The microcontroller's event manager: gives modules their memory, calls them, and carries their
// frames. Nobody has to trust it.

#include <array>
#include <cstdint>

#include "tee/sancus/firmware/local_routes.hpp"
#include "tee/sancus/firmware/slots.hpp"
#include "tee/sancus/firmware/timekeeper.hpp"
#include "tee/sancus/link/link.hpp"

namespace authex::tee::sancus::firmware {

/// A frame with its header as modules take it.
constexpr std::size_t in_bytes_max = link::message_bytes_max + link::frame_header_bytes;
/// Room for what a module says to one frame, its acknowledgement included.
constexpr std::size_t out_bytes_max = 1280;

class EventManager {
  public:
    EventManager() : link_(received_, sending_) {}

    [[nodiscard]] link::BoardLink& link() { return link_; }
    /// Does what there is to do, as far as there is room for what comes of it.
    void run();
    /// A module has had an interrupt: each that may be it is called in the next run().
    void interrupted() { looking_ = 0; }
    /// Something has come from the manager.
    void heard();
    /// The timer has rung.
    void time_passes() { time_.follow(); }

  private:
    bool work();
    bool look();
    bool call_due();
    bool flush();
    bool pass(const std::uint8_t* frame, std::uint16_t bytes);
    bool send_up(std::uint8_t number, const std::uint8_t* frame, std::uint16_t bytes);
    bool carry();
    bool was_taken(const LocalRoute& route);
    bool tell_carried();
    bool tell_failures();
    bool tell_counts();
    void call(std::uint8_t number, const std::uint8_t* in, std::uint16_t in_bytes);
    void fail(std::uint8_t number, link::Failure failure);
    bool deliver(std::uint8_t number, ByteView message);

    struct Arguments;
    bool execute(ByteView message);
    link::Refusal dispatch(Arguments& arguments);
    link::Refusal hello(Arguments& arguments) const;
    link::Refusal reserve(Arguments& arguments);
    link::Refusal write(Arguments& arguments);
    link::Refusal protect(Arguments& arguments);
    link::Refusal bind(Arguments& arguments);
    link::Refusal leave(Arguments& arguments);
    link::Refusal status(Arguments& arguments);
    link::Refusal every(Arguments& arguments);
    link::Refusal route(Arguments& arguments);
    Slot* slot_of(Arguments& arguments);

    std::array<link::Packet, link::window_to_board + 1> received_;
    std::array<link::Packet, link::window_to_host> sending_;
    link::BoardLink link_;
    Slots slots_;
    Timekeeper time_;
    LocalRoutes routes_;
    LocalQueue local_;
    const LocalRoute* answers_ = nullptr; ///< what is in `out_` answers an event of this route
    std::uint16_t last_id_ = 0;
    std::uint8_t looking_ = link::slots_max; ///< at which slot, for interrupts
    std::uint8_t out_slot_ = 0;              ///< whose frames are in `out_`
    const std::uint8_t* out_at_ = nullptr;
    std::uint16_t out_left_ = 0;
    bool time_had_its_turn_ = false;
    bool consumed_ = false; ///< by the last call, all that it was given
    // Words, to modules and to their crypto instructions.
    alignas(2) std::array<std::uint8_t, in_bytes_max> in_;
    alignas(2) std::array<std::uint8_t, out_bytes_max> out_;
};

} // namespace authex::tee::sancus::firmware
