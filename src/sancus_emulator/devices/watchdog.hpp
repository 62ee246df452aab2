#pragma once
// Watchdog and special function registers (openMSP430, omsp_watchdog.v and omsp_sfr.v). It runs
// after each reset, and resets the core when it is not held or served.

#include "sancus_emulator/devices/nmi.hpp"

namespace authex::sancus_emulator {

class Watchdog : public Device {
  public:
    /// @param identity what the CPU_ID registers read as. @param aclk_cycles of the core's clock in
    /// one of ACLK
    Watchdog(std::uint32_t identity, std::uint32_t aclk_cycles)
        : identity_(identity), aclk_cycles_(aclk_cycles) {}

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
    [[nodiscard]] bool awaits_nmi() const override { return nmi_.enabled(); }
    [[nodiscard]] bool wants_reset() const override { return bites_; }
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

    /// The core is built with a non-maskable interrupt: else its bits read as 0 and keep nothing.
    void connect_nmi() { has_nmi_ = true; }
    [[nodiscard]] Nmi& nmi() { return nmi_; }

  private:
    void control(std::uint16_t value, std::uint64_t cycle);
    [[nodiscard]] std::uint64_t tick_cycles() const;
    [[nodiscard]] std::uint64_t interval() const;

    std::uint32_t identity_;
    std::uint32_t aclk_cycles_;
    std::uint8_t control_ = 0;
    bool enabled_ = false; ///< WDTIE
    bool flag_ = false;    ///< WDTIFG
    bool bites_ = false;
    std::uint64_t due_ = never;
    bool has_nmi_ = false;
    Nmi nmi_;
    std::uint64_t left_ = 0; ///< while it is held: cycles that were left
};

} // namespace authex::sancus_emulator
