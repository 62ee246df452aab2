#pragma once
// The thread that speaks with a board. All but later(), now(), wake(), wait_for_facts() and
// trouble() is called on it.

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "tee/sancus/board.hpp"

namespace authex::tee::sancus {

class Board::Thread {
  public:
    explicit Thread(BoardOptions options);
    ~Thread();
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;

    void later(std::function<void()> work);
    /// Returns when it is done.
    void now(const std::function<void()>& work);
    void wake();
    Expected<BoardFacts> wait_for_facts(Milliseconds time);
    std::optional<Diagnostic> trouble();

    void queue(link::Code code,
               const std::vector<std::uint8_t>& arguments,
               Milliseconds time,
               const Done& done);
    void attach(std::uint8_t slot, std::uint16_t deployment, std::shared_ptr<SlotUser> user);
    void detach(std::uint8_t slot);
    [[nodiscard]] bool attached(std::uint8_t slot) const { return slots_.at(slot).user != nullptr; }
    [[nodiscard]] BoardCounters counters() const;

  private:
    struct Request {
        std::vector<std::uint8_t> message;
        std::uint64_t deadline = 0;
        Done done;
    };
    struct Slot {
        std::shared_ptr<SlotUser> user;
        std::uint16_t deployment = 0;
        std::vector<std::vector<std::uint8_t>> early; ///< messages that came before a user
        std::size_t early_bytes = 0;
    };

    void run();
    void run_work();
    void open_line(std::uint64_t now);
    void close_line(std::uint64_t now, Diagnostic why);
    void read_line(std::uint64_t now);
    void write_line(std::uint64_t now);
    void wait(std::uint64_t now);
    void follow_session(std::uint64_t now);
    void session_up();
    void take_facts(const Expected<Reply>& reply);
    void expire(std::uint64_t now);
    void fail_requests(const Diagnostic& why);

    void take_messages();
    bool take_frame(std::uint8_t slot, ByteView message);
    void take_answer(ByteView message);
    void take_notice(ByteView message);
    bool give_frame(Slot& slot, ByteView message);
    void send_messages();
    bool send_command();
    bool send_frame(std::uint8_t number);
    void refuse_frame(Slot& slot, ByteView frame);

    BoardOptions options_;
    link::HostLink link_;
    process::Descriptor line_;
    process::Descriptor bell_; ///< eventfd
    std::vector<std::uint8_t> unwritten_;
    std::uint64_t open_at_ = 0; ///< when to try again
    std::uint64_t lines_opened_ = 0;
    bool was_up_ = false;
    std::uint32_t boot_ = 0; ///< of the last session; 0: there was none
    std::uint64_t resets_ = 0;
    std::array<Slot, link::slots_max> slots_;
    std::uint8_t turn_ = 0; ///< the slot that sends next
    std::deque<Request> waiting_;
    std::map<std::uint8_t, Request> asked_; ///< by number
    std::uint8_t number_ = 0;

    std::mutex mutex_; ///< of what follows
    std::condition_variable changed_;
    std::deque<std::function<void()>> work_;
    std::optional<BoardFacts> facts_;
    Diagnostic trouble_; ///< why there are none, or why the line is closed
    bool line_open_ = false;
    std::uint64_t heard_ms_ = 0; ///< when the board last said something
    bool stop_ = false;

    std::thread thread_;
};

} // namespace authex::tee::sancus
