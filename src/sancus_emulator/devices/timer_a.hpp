#pragma once
// Timer A with three capture/compare registers (openMSP430, omsp_timerA.v). No pin is connected:
// captures come from the software's own switching of the input alone, and outputs go nowhere.

#include <array>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class TimerA : public Device {
  public:
    /// @param aclk_cycles of the core's clock in one of ACLK
    explicit TimerA(std::uint32_t aclk_cycles) : aclk_cycles_(aclk_cycles) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    void advance(std::uint64_t cycle) override;
    [[nodiscard]] std::uint64_t next_event() const override;
    [[nodiscard]] std::uint16_t requests() const override;
    void accepted(unsigned vector) override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    static constexpr std::size_t channels = 3;

    [[nodiscard]] unsigned mode() const { return (control_ >> 4U) & 3U; }
    /// Cycles of a tick of the counter; 0: it stands.
    [[nodiscard]] std::uint64_t tick_cycles() const;
    [[nodiscard]] bool falls() const;
    /// Ticks up to the next at which anything but counting can happen, at least 1.
    [[nodiscard]] std::uint32_t quiet_ticks() const;
    /// It counts from 0 to 0, and nothing changes by that.
    [[nodiscard]] bool stands() const;
    void tick();
    void skip(std::uint32_t ticks);
    [[nodiscard]] std::uint16_t source_vector() const;
    void write_channel(std::size_t channel, std::uint16_t value);

    std::uint32_t aclk_cycles_;
    std::uint16_t control_ = 0;
    std::uint16_t counter_ = 0;
    bool down_ = false;
    std::array<std::uint16_t, channels> channel_control_{};
    std::array<std::uint16_t, channels> compare_{};
    std::uint64_t now_ = 0;   ///< the state is that of this cycle
    std::uint64_t phase_ = 0; ///< cycles since the last tick
};

} // namespace authex::sancus_emulator
