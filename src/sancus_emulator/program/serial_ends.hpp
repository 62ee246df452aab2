#pragma once
// What the lines of a board can be connected to on this machine.

#include <functional>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "sancus_emulator/devices/serial.hpp"

namespace authex::sancus_emulator {

/// The far end of a line. All calls come from the thread that runs the machine.
class HostEnd : public SerialEnd {
  public:
    /// What came in and did not fit on the line is tried again; what was sent goes out.
    virtual void pump() = 0;
    /// Nothing is left that somebody waits for.
    [[nodiscard]] virtual bool idle() const { return true; }
    /// Whether more can come from it at any time.
    [[nodiscard]] virtual bool live() const { return false; }
    /// Where it is, for people: "pty /dev/pts/3"; empty: nothing worth saying.
    [[nodiscard]] virtual std::string place() const { return {}; }
    /// @error serial: what was sent could not be written
    [[nodiscard]] virtual Expected<bool> state() const { return true; }
};

/// The line that an end belongs to.
struct LineContext {
    asio::io_context& io;
    SerialPort& port;
    std::function<std::uint64_t()> cycle;
};

/// @param end none | stdout | stdio | pty | tcp:[HOST:]PORT | unix:PATH | file:IN,OUT (either may
/// be empty)
/// @return nullptr for `none`. @error serial-unknown, or the system's word: serial
Expected<std::unique_ptr<HostEnd>> make_end(const std::string& end, const LineContext& line);

/// Whether bytes can come from such an end at any time, so that two runs differ.
[[nodiscard]] bool is_live(const std::string& end);

} // namespace authex::sancus_emulator
