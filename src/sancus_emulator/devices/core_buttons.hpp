#pragma once
// Buttons on pins of the core itself.

#include "sancus_emulator/devices/gpio.hpp"
#include "sancus_emulator/devices/watchdog.hpp"

namespace authex::sancus_emulator {

/// On the reset pin, and on every board. Input: pressed, which resets the core and its devices at
/// once.
class ResetButton : public Unaddressed {
  public:
    /// @param world borrowed, may be nullptr
    ResetButton(std::string name, PhysicalWorld* world) : name_(std::move(name)), world_(world) {}

    void reset(std::uint64_t cycle) override;
    [[nodiscard]] bool wants_reset() const override { return pressed_; }
    Expected<bool> input(std::string_view value, std::uint64_t cycle) override;
    void save(Writer& writer) const override { writer.u8(pressed_ ? 1 : 0); }
    void load(Reader& reader) override { pressed_ = reader.u8() != 0; }

  private:
    std::string name_;
    PhysicalWorld* world_;
    bool pressed_ = false;
};

/// On the pin of the non-maskable interrupt, which is high while it is pressed. Input: pressed |
/// released.
class NmiButton : public Unaddressed {
  public:
    /// @param core its special function registers have the interrupt from now on; borrowed. @param
    /// world borrowed, may be nullptr
    NmiButton(std::string name, Watchdog& core, PhysicalWorld* world);

    void reset(std::uint64_t cycle) override { (void)cycle; }
    Expected<bool> input(std::string_view value, std::uint64_t cycle) override;
    [[nodiscard]] std::string shown() const override;
    void save(Writer& writer) const override { (void)writer; }
    void load(Reader& reader) override { (void)reader; }

  private:
    std::string name_;
    Watchdog& core_;
    PhysicalWorld* world_;
};

} // namespace authex::sancus_emulator
