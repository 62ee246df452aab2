#pragma once
// The firmware on the board `default`, in this process, and the manager's end of its line.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sancus_emulator/board.hpp"
#include "sancus_emulator/loader.hpp"
#include "tee/sancus/link/host_link.hpp"
#include "tee/sancus/link/messages.hpp"
#include "wire/frame.hpp"

namespace authex::tee::sancus {

using ByteString = std::vector<std::uint8_t>;

struct Answer {
    link::Refusal refusal = link::Refusal::unknown;
    ByteString results;

    [[nodiscard]] std::uint16_t word(std::size_t index) const {
        return static_cast<std::uint16_t>(results.at(2 * index) | results.at(2 * index + 1) << 8U);
    }
};

/// A frame from a module.
struct Given {
    std::uint8_t slot = 0;
    wire::FrameHeader header;
    ByteString body;
};
struct Failed {
    std::uint8_t slot = 0;
    link::Failure failure{};
};

/// What the board has counted of a periodic entry.
struct Called {
    std::uint32_t calls = 0;
    std::uint32_t missed = 0;
};

/// Events of a slot and channel that have not left the board.
struct Kept {
    std::uint32_t events = 0;
    std::uint32_t bytes = 0;
    std::uint64_t next = 0; ///< counter after the last one
};

class EmulatedBoard : private sancus_emulator::SerialEnd, private sancus_emulator::Observer {
  public:
    EmulatedBoard();

    /// A millisecond of the board's time.
    void step();
    bool run_until(const std::function<bool()>& done, unsigned ms);
    void run(unsigned ms);
    void begin_session() { host_.begin(++session_, now_ms()); }

    /// A command and its answer, within five seconds of the board's time.
    std::optional<Answer> command(link::Code code, const ByteString& arguments = {});
    void send(const ByteString& message);
    void send_frame(std::uint8_t slot, const wire::FrameHeader& header, const ByteString& body);
    /// Bytes on the line that no manager has sent.
    void disturb(const ByteString& bytes) {
        noise_.insert(noise_.end(), bytes.begin(), bytes.end());
    }

    [[nodiscard]] std::uint64_t now_ms() const { return machine_->core().cycle / 8000; }
    sancus_emulator::Machine& machine() { return *machine_; }
    link::HostLink& host() { return host_; }
    [[nodiscard]] const sancus_emulator::Firmware& firmware() const { return firmware_; }

    std::deque<Given> frames;
    std::deque<Failed> failures;
    std::map<std::pair<std::uint8_t, std::uint8_t>, Called> called; ///< by slot and index
    std::map<std::pair<std::uint8_t, std::uint16_t>, Kept> kept;
    std::uint64_t line_bytes = 0; ///< that the board has sent
    unsigned violations = 0;
    bool recover = true; ///< a board that was reset gets a new session

  private:
    void sent(std::uint8_t byte, std::uint64_t cycle) override;
    void violated(const sancus_emulator::Core& core,
                  const sancus_emulator::Violation& violation) override;
    void take_messages();

    sancus_emulator::Firmware firmware_;
    std::unique_ptr<sancus_emulator::Machine> machine_;
    sancus_emulator::SerialPort* port_ = nullptr;
    link::HostLink host_{link::Timing{}};
    std::uint32_t session_ = 0;
    std::uint8_t number_ = 0;
    std::optional<Answer> answer_;
    std::deque<ByteString> waiting_;
    std::deque<std::uint8_t> noise_;
    std::vector<std::uint8_t> line_; ///< towards the board
};

} // namespace authex::tee::sancus
