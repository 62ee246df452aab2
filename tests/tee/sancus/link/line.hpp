#pragma once
// Both ends of a link in one place, with a line between them that does what lines do.

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "tee/sancus/link/host_link.hpp"

namespace authex::tee::sancus::link {

using Random = std::mt19937_64;

/// How likely, of 10 000 bytes.
struct Weather {
    unsigned damage = 0;
    unsigned loss = 0;
    unsigned loss_run = 1; ///< bytes that are lost together at most
    unsigned repeat = 0;   ///< the byte comes twice
    unsigned deaf = 0;     ///< the board, after each message: does not hear for some bytes
};

/// One direction: bytes_per_ms bytes in a millisecond.
class Wire {
  public:
    static constexpr unsigned bytes_per_ms = 6;

    void send(std::uint8_t byte, const Weather& weather, Random& random) {
        const auto happens = [&](unsigned chance) { return random() % 10'000 < chance; };
        if (lost_ == 0 && happens(weather.loss)) {
            lost_ = 1 + random() % weather.loss_run;
        }
        if (lost_ != 0) {
            --lost_;
            return;
        }
        if (happens(weather.damage)) {
            byte = static_cast<std::uint8_t>(byte ^ (1U + random() % 255));
        }
        bytes_.push_back(byte);
        if (happens(weather.repeat)) {
            bytes_.push_back(byte);
        }
    }
    std::deque<std::uint8_t>& bytes() { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  private:
    std::deque<std::uint8_t> bytes_;
    std::uint64_t lost_ = 0;
};

/// The microcontroller: takes messages when it may, and says back what it is told to.
struct BoardEnd {
    std::array<Packet, window_to_board + 1> received;
    std::array<Packet, window_to_host> sending;
    BoardLink link{received, sending};
};

} // namespace authex::tee::sancus::link
