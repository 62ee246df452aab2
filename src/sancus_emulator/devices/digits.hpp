#pragma once
// Eight seven-segment digits (sancus-core, periph/omsp_led_digits.v): a byte of segments each, bit
// 0 segment a to bit 6 segment g, bit 7 the point.

#include <array>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class Digits : public Device {
  public:
    /// @param base even address of the first digit. @param world may be nullptr; borrowed
    Digits(std::string name, std::uint16_t base, PhysicalWorld* world)
        : name_(std::move(name)), base_(base), world_(world) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    /// The digits as text, a segment pattern that is none in hexadecimal between < and >.
    [[nodiscard]] std::string shown() const override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    using Segments = std::array<std::uint8_t, 8>;

    void tell_if_changed(const Segments& before, std::uint64_t cycle) const;

    std::string name_;
    std::uint16_t base_;
    PhysicalWorld* world_;
    Segments segments_{};
};

} // namespace authex::sancus_emulator
