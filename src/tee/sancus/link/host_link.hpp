#pragma once
// The manager's end of a serial link: the one that looks at the time.

#include <array>
#include <cstdint>

#include "tee/sancus/link/link.hpp"

namespace authex::tee::sancus::link {

struct Timing {
    std::uint32_t reply_ms = 200;      ///< how long an answer may take, beside its time on the line
    std::uint32_t reply_max_ms = 2000; ///< after answers that did not come, each twice as long
    std::uint32_t idle_ms = 250;       ///< between two looks whether a silent board is there
    std::uint32_t bytes_per_second = 5760; ///< of the line, at most
};

/// Times are in milliseconds of any clock that does not go back.
class HostLink : public Link {
  public:
    enum class State : std::uint8_t {
        connecting, ///< no session yet
        up,
        lost, ///< the board has been reset: begin() another session
    };

    explicit HostLink(const Timing& timing);

    /// Begins a session. What waited to be sent is dropped. @param session not 0, never used before
    void begin(std::uint32_t session, std::uint64_t now_ms);
    void receive(std::uint8_t byte, std::uint64_t now_ms);
    /// The next byte for the line. @return false: there is none now
    bool next(std::uint8_t& byte, std::uint64_t now_ms);
    /// To be called at deadline_ms(), or at any time.
    void tick(std::uint64_t now_ms);
    [[nodiscard]] std::uint64_t deadline_ms() const { return deadline_; }

    [[nodiscard]] State state() const { return state_; }
    /// The first session since the board's reset. @pre a session was up
    [[nodiscard]] std::uint32_t boot() const { return boot_; }
    /// When the last intact packet came.
    [[nodiscard]] std::uint64_t heard_ms() const { return heard_; }

    struct Counters {
        std::uint64_t packets = 0;  ///< intact ones from the board
        std::uint64_t bad = 0;      ///< damaged ones
        std::uint64_t timeouts = 0; ///< answers that did not come
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }

  private:
    void take_packet(std::uint64_t now_ms);
    void ask_again(std::uint64_t now_ms);
    void my_turn(std::uint64_t now_ms);
    void started(std::uint64_t now_ms);
    [[nodiscard]] std::uint64_t line_ms(std::size_t bytes) const;

    std::array<Packet, window_to_host + 1> received_;
    std::array<Packet, window_to_board> sending_;
    Timing timing_;
    State state_ = State::connecting;
    std::uint32_t session_ = 0;
    std::uint32_t boot_ = 0;
    std::uint64_t deadline_ = ~std::uint64_t{0};
    std::uint64_t heard_ = 0;
    std::uint32_t reply_ms_ = 0; ///< as of now
    bool turn_ = true;
    bool asked_ = false; ///< for packets again; they have not come yet
    bool owes_sync_ = false;
    Counters counters_;
};

} // namespace authex::tee::sancus::link
