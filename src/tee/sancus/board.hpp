#pragma once
// One microcontroller, as the manager of its node sees it: commands with answers, and frames to and
// from the modules in its slots.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "tee/loader.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/sancus/link/host_link.hpp"
#include "tee/sancus/link/messages.hpp"

namespace authex::tee::sancus {

struct BoardOptions {
    /// Called whenever there is no line, on the board's thread; must not block for long.
    std::function<Expected<process::Descriptor>()> open_line;
    link::Timing timing;
};

/// What a board says of itself.
struct BoardFacts {
    std::uint32_t boot = 0; ///< another one after each reset
    std::uint16_t firmware = 0;
    std::uint16_t text_begin = 0; ///< what modules can have, as the rest
    std::uint16_t text_end = 0;
    std::uint16_t data_begin = 0;
    std::uint16_t data_end = 0;
    std::uint16_t slots = 0;
};

struct Reply {
    link::Refusal refusal = link::Refusal::none;
    std::vector<std::uint8_t> results;

    /// Two bytes of the results; 0 beyond their end.
    [[nodiscard]] std::uint16_t word(std::size_t offset) const;
    [[nodiscard]] std::uint8_t byte(std::size_t offset) const;
};
/// "no room of that size".
[[nodiscard]] const char* to_text(link::Refusal refusal);

/// Who has a slot. Called on the board's thread; must not block.
class SlotUser {
  public:
    virtual ~SlotUser() = default;
    /// A whole frame of the module. @return false: there is no room; offered again after wake()
    virtual bool take(ByteView frame) = 0;
    /// The next frame for the module, whole; empty: there is none. It stays until sent().
    virtual ByteView next() = 0;
    virtual void sent() = 0;
    /// What the board has counted of a periodic entry. (link/messages.hpp)
    virtual void
    counted(std::uint8_t /*index*/, std::uint32_t /*calls*/, std::uint32_t /*missed*/) {}
    /// Events of the slot's module that have not left the board.
    virtual void carried(const Carried& /*events*/) {}
    /// The module is no longer called.
    virtual void failed(link::Failure failure) = 0;
    /// The board has been reset: nothing of the module is left.
    virtual void lost() = 0;
};

struct BoardCounters {
    link::HostLink::Counters link;
    std::uint64_t lines_opened = 0;
    std::uint64_t resets = 0; ///< that were noticed
};

/// Thread-safe.
class Board {
  public:
    using Done = std::function<void(Expected<Reply>)>;
    using Milliseconds = std::chrono::milliseconds;

    /// Begins to look for the board.
    explicit Board(BoardOptions options);
    /// Commands that wait fail; users are told nothing more.
    ~Board();
    Board(const Board&) = delete;
    Board& operator=(const Board&) = delete;

    /// Waits until the board is there. @error board-silent: it was not in time | firmware-version:
    /// what runs on it speaks another protocol | as BoardOptions::open_line
    Expected<BoardFacts> facts(Milliseconds time);
    /// Why nobody reaches the board at present; empty: it answers.
    [[nodiscard]] std::optional<Diagnostic> trouble();
    /// A command and its answer. @error board-silent | board-reset: in the meantime
    Expected<Reply> order(link::Code code, std::vector<std::uint8_t> arguments, Milliseconds time);
    /// The same without waiting; `done` is called on the board's thread.
    void post(link::Code code, std::vector<std::uint8_t> arguments, Milliseconds time, Done done);

    /// Frames of the slot go to the user from now on, and those that came before. Replaces another.
    void attach(std::uint8_t slot, std::uint16_t deployment, std::shared_ptr<SlotUser> user);
    /// Frames of the slot are dropped until somebody attaches.
    void detach(std::uint8_t slot);
    [[nodiscard]] bool attached(std::uint8_t slot);
    /// A user may have frames, or room for some. Cheap.
    void wake();
    [[nodiscard]] BoardCounters counters();

  private:
    class Thread;
    std::unique_ptr<Thread> thread_;
};

} // namespace authex::tee::sancus
