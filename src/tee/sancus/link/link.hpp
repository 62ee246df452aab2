#pragma once
// The serial link between a manager (host) and a microcontroller (board): messages arrive once and
// in order, whatever the line loses, damages or repeats, for as long as neither side restarts.
// No input or output of its own: bytes and the time are handed in. The same code runs at both ends.
//
// **Sessions.** The host begins one with a number of its own, which nobody has used before. The
// board answers with it and with the number of the first session since its reset: the same one
// again says that the board still has all it had. A board without a session says so to whatever it
// is told.
//
// **Numbers.** Packets of type data are numbered modulo 4 and taken in order only. A message is
// acknowledged when it has been taken, so that no more of them come than there is room for. What is
// asked for again is sent again from the first one that is not acknowledged.
//
// **Turns.** A board is deaf while a module runs, since interrupts are off then. So the host sends
// as many messages as may be on their way, says of all but the last that more follows, and then
// listens; the board listens while more follows, then runs modules, then says what there is to say,
// and listens. Only the host looks at the time: a turn that does not come is taken, and a board
// that is silent is asked now and then. So a board needs no timer.
//
// Across sessions: the board sends again what was not acknowledged in the last one; the host's own
// messages are dropped.

#include <cstdint>
#include <span>

#include "tee/sancus/link/packet.hpp"

namespace authex::tee::sancus::link {

/// Messages on their way at most.
constexpr std::size_t window_to_board = 2;
constexpr std::size_t window_to_host = 3;

/// What both ends have in common.
class Link {
  public:
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// Room for one more message, message_bytes_max; empty while as many wait as may.
    [[nodiscard]] Bytes room();
    /// Sends the first `bytes` bytes of room(). @pre 1 ≤ bytes ≤ room().size()
    void send(std::size_t bytes);
    /// The oldest message that was not taken; empty: there is none. Valid until take().
    [[nodiscard]] ByteView message() const;
    /// @pre a message is there
    void take();
    /// Nothing that was sent waits for its acknowledgement.
    [[nodiscard]] bool all_acknowledged() const { return queued_ == 0; }

  protected:
    /// @param received one more packet than the peer's window; the last one is being received
    /// @param sending as many as this end's window
    Link(std::span<Packet> received, std::span<Packet> sending);
    ~Link() = default;

    /// What an intact packet, not of type sync, does to the numbers.
    /// @return false: it is out of order
    [[nodiscard]] bool arrived(const Control& control);
    /// Numbers begin anew. Messages that came are dropped, those to be sent stay.
    void restart();
    void drop_unsent() { queued_ = 0; }
    /// All that is not acknowledged is to be sent again.
    void rewind() { next_ = 0; }
    /// Chooses what goes over the line next. @return whether there is something
    bool start_packet();
    void start_sync(std::uint32_t session, std::uint32_t boot);
    /// The packet that was received last: message and control.
    [[nodiscard]] const Packet& arrived_packet() const { return *receiving_; }

    Decoder decoder_;
    Encoder encoder_;
    bool owes_ack_ = false;
    bool owes_again_ = false;
    bool peer_more_ = false; ///< the peer goes on at once
    bool sent_more_ = false; ///< the packet that was started last said that more follows
    Type sent_type_ = Type::ack;

  private:
    [[nodiscard]] Packet* queued(std::uint8_t index) const;

    struct Ring {
        Packet* begin;
        Packet* end;
        [[nodiscard]] Packet* after(Packet* packet) const {
            ++packet;
            return packet == end ? begin : packet;
        }
    };

    Ring received_;
    Ring sending_;
    std::uint8_t window_;
    std::uint8_t peer_window_;
    Packet* receiving_;           ///< where the next packet goes
    Packet* oldest_;              ///< the message to be taken next
    Packet* first_;               ///< the first one that is not acknowledged
    const Packet* out_ = nullptr; ///< what the encoder reads
    std::uint8_t waiting_ = 0;    ///< messages that were not taken
    std::uint8_t expected_ = 0;   ///< number of the next packet
    std::uint8_t taken_ = 0;      ///< number of the next message to be taken
    std::uint8_t base_ = 0;       ///< number of `first_`
    std::uint8_t queued_ = 0;     ///< messages from `first_` on
    std::uint8_t flown_ = 0;      ///< of them, sent at least once
    std::uint8_t next_ = 0;       ///< which of them goes next
    std::array<std::uint8_t, control_bytes + 8 + check_bytes> brief_{};
};

/// The microcontroller's end.
class BoardLink : public Link {
  public:
    BoardLink(std::span<Packet, window_to_board + 1> received,
              std::span<Packet, window_to_host> sending);

    void receive(std::uint8_t byte);
    /// Bytes of the line were lost, as its device says.
    void lost();
    /// The next byte for the line. @return false: there is none
    bool next(std::uint8_t& byte);
    /// A packet has begun, or another follows at once: no module may run.
    [[nodiscard]] bool must_listen() const { return decoder_.inside() || peer_more_; }
    [[nodiscard]] std::uint16_t bad_packets() const { return bad_; }

  private:
    void synchronise();

    std::uint32_t session_ = 0; ///< 0: none
    std::uint32_t boot_ = 0;    ///< of the first session since the reset
    std::uint16_t bad_ = 0;
    bool owes_sync_ = true;
};

} // namespace authex::tee::sancus::link
