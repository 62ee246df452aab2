#pragma once
// The hardware multiplier, 16 × 16 bits (openMSP430, omsp_multiplier.v).

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class Multiplier : public Device {
  public:
    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    void multiply(std::uint16_t factor);

    std::uint16_t first_ = 0;
    std::uint16_t second_ = 0;
    bool signed_ = false;
    bool accumulates_ = false;
    std::uint32_t result_ = 0;
    std::uint16_t extension_ = 0;
};

} // namespace authex::sancus_emulator
