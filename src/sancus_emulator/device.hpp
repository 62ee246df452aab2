#pragma once
// What a device on the peripheral bus is.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::sancus_emulator {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

/// Something that a person could have seen, or could have done.
struct PhysicalEvent {
    std::uint64_t cycle = 0;
    bool output = false; ///< else an input
    std::string device;  ///< the name that the board gives it
    std::string value;   ///< as a person would say it: "pressed", "21.5", "0x3f"
};

/// Takes what devices show.
class PhysicalWorld {
  public:
    virtual ~PhysicalWorld() = default;
    virtual void happened(const PhysicalEvent& event) = 0;
};

/// Registers are read and written as even words; a mask says which bits are written. Times are
/// cycles of the core since it was switched on and never go back. Not thread-safe.
class Device {
  public:
    virtual ~Device() = default;

    /// Whether the word at this even address is one of its registers.
    [[nodiscard]] virtual bool has(std::uint16_t address) const = 0;
    virtual std::uint16_t read(std::uint16_t address, std::uint64_t cycle) = 0;
    virtual void
    write(std::uint16_t address, std::uint16_t value, std::uint16_t mask, std::uint64_t cycle) = 0;
    virtual void reset(std::uint64_t cycle) = 0;

    /// Time has passed: what was due at or before `cycle` has happened.
    virtual void advance(std::uint64_t cycle) { (void)cycle; }
    /// When next something happens by itself.
    [[nodiscard]] virtual std::uint64_t next_event() const { return never; }
    /// A bit for each interrupt vector that is requested.
    [[nodiscard]] virtual std::uint16_t requests() const { return 0; }
    /// The core enters the handler of a vector that was requested.
    virtual void accepted(unsigned vector) { (void)vector; }
    /// An input from outside can interrupt though GIE is 0.
    [[nodiscard]] virtual bool awaits_nmi() const { return false; }
    /// It resets the core.
    [[nodiscard]] virtual bool wants_reset() const { return false; }

    /// What a person does to it: press, set, send. @error input-unknown, with what it takes
    virtual Expected<bool> input(std::string_view value, std::uint64_t cycle);
    /// What a person sees now. Empty: nothing can be seen.
    [[nodiscard]] virtual std::string shown() const { return {}; }

    /// All of its state, for a snapshot of the machine.
    virtual void save(Writer& writer) const = 0;
    /// What save() wrote. A reader that fails tells the caller.
    virtual void load(Reader& reader) = 0;
};

} // namespace authex::sancus_emulator
