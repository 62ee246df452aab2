#pragma once
// An emulated board that a manager starts beside itself, and that ends with it.

#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/types.h>

#include "base/diagnostic.hpp"
#include "tee/process/descriptor.hpp"

namespace authex::tee::sancus {

struct EmulatorOptions {
    std::filesystem::path program;  ///< authex-sancus; empty: beside this program
    std::filesystem::path firmware; ///< empty: ../lib/authex/sancus/event-manager.elf
    std::string board = "default";  ///< a name that is built in, or a board file
    /// 0: as fast as this machine can, but timers take their time.
    std::uint64_t hz = 0;
    /// Where the line (`board.socket`), the control socket (`board.control`) and what it says
    /// (`board.log`) are.
    std::filesystem::path directory;
};

/// The board is powered by its manager: the kernel ends the emulator when the thread ends that
/// started it. One that ended is started again when its line is opened: as a board, it then begins
/// anew.
class Emulator {
  public:
    /// @error emulator-missing: the program or the firmware is not there
    static Expected<Emulator> find(EmulatorOptions options);
    Emulator(Emulator&& other) noexcept;
    Emulator& operator=(Emulator&&) = delete;
    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;
    /// Ends the emulator.
    ~Emulator();

    /// Its line; started before, if it does not run. Always called on one thread.
    /// @error emulator-failed: it ended at once, with what it said | serial: not yet there
    Expected<process::Descriptor> open_line();
    [[nodiscard]] std::filesystem::path control() const;

  private:
    explicit Emulator(EmulatorOptions options);
    Expected<bool> start();
    bool runs();

    EmulatorOptions options_;
    pid_t pid_ = -1;
};

} // namespace authex::tee::sancus
