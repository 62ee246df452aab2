#pragma once
// Connections between two modules of this board, whose events do not leave it.
// What a module does not take at once is the manager's to carry, as on every
// other node, and from then on all of that connection, in order, until the
// manager says that nothing of it waits any more.

#include <array>
#include <cstdint>

#include "tee/sancus/link/messages.hpp"

namespace authex::tee::sancus::firmware {

struct LocalRoute {
    std::uint8_t source = unused; ///< slot
    std::uint8_t destination = unused;
    bool through_manager = false;
    bool to_tell = false; ///< what was counted
    std::uint16_t channel = 0;
    std::uint16_t events = 0; ///< carried since the manager was told last, as what follows
    std::uint32_t bytes = 0;
    std::array<std::uint8_t, 8> next{}; ///< counter after the last one

    static constexpr std::uint8_t unused = link::slots_max;
};

class LocalRoutes {
  public:
    /// @param destination unused: no more. @return false: there are
    /// local_routes_max already
    bool set(std::uint8_t source, std::uint16_t channel, std::uint8_t destination);
    /// Nothing from the slot any more, and nothing to it but through the manager.
    void remove(std::uint8_t slot);
    /// For what the slot sends there; null: none.
    LocalRoute* find(std::uint8_t source, std::uint16_t channel);
    /// What the slot sends or gets goes through the manager; unused: of all
    /// slots.
    void give_up(std::uint8_t slot = LocalRoute::unused);
    std::array<LocalRoute, link::local_routes_max>& all() { return routes_; }

  private:
    std::array<LocalRoute, link::local_routes_max> routes_;
};

/// Whole frames that go from module to module, first in, first out.
class LocalQueue {
  public:
    [[nodiscard]] bool empty() const { return used_ == 0; }
    /// @return false: there is no room
    bool push(const std::uint8_t* frame, std::uint16_t bytes, LocalRoute* route);
    /// @pre !empty(), as of the others
    [[nodiscard]] const std::uint8_t* frame() const { return &memory_[mark_bytes]; }
    [[nodiscard]] std::uint16_t bytes() const { return mark().bytes; }
    [[nodiscard]] LocalRoute& route() const { return *mark().route; }
    void pop();

  private:
    struct Mark {
        LocalRoute* route;
        std::uint16_t bytes;
    };
    static constexpr std::uint16_t mark_bytes = sizeof(Mark);
    [[nodiscard]] Mark mark() const;

    std::array<std::uint8_t, link::local_bytes_max> memory_;
    std::uint16_t used_ = 0;
};

} // namespace authex::tee::sancus::firmware
