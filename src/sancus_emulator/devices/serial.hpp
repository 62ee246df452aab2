#pragma once
// Both sides of a serial line: the device that a program speaks through, and whoever listens.

#include <cstdint>
#include <deque>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

/// Where the bytes go that a program sends.
class SerialEnd {
  public:
    virtual ~SerialEnd() = default;
    virtual void sent(std::uint8_t byte, std::uint64_t cycle) = 0;
};

/// A device's own side of its line.
class SerialPort {
  public:
    virtual ~SerialPort() = default;
    /// Bytes for the program. They wait on the line until the device takes them.
    /// @return how many were taken: fewer when the line is full
    virtual std::size_t give(ByteView bytes, std::uint64_t cycle) = 0;
    /// The core is off for good: what is still to be sent goes out at once.
    virtual void drain(std::uint64_t cycle) { (void)cycle; }
    /// @param end nullptr: what is sent is lost. Borrowed.
    void attach(SerialEnd* end) { end_ = end; }

  protected:
    void send(std::uint8_t byte, std::uint64_t cycle) {
        if (end_ != nullptr) {
            end_->sent(byte, cycle);
        }
    }

  private:
    SerialEnd* end_ = nullptr;
};

/// Bytes that wait for a program. Bounded, so that a fast sender is held up and not a memory.
class WaitingBytes {
  public:
    static constexpr std::size_t limit = 4096;

    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    /// @return how many fit
    std::size_t put(ByteView bytes);
    /// @pre not empty()
    std::uint8_t take();
    void save(Writer& writer) const;
    void load(Reader& reader);

  private:
    std::deque<std::uint8_t> bytes_;
};

} // namespace authex::sancus_emulator
