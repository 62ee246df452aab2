#pragma once
// A 64-bit counter of cycles since the last reset (sancus-core, core/rtl/verilog/periph/
// omsp_tsc.v): a write anywhere to its eight bytes takes a snapshot, which is what reads give.

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class Timestamp : public Device {
  public:
    /// @param base a multiple of 8
    explicit Timestamp(std::uint16_t base) : base_(base) {}

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
    std::uint16_t base_;
    std::uint64_t start_ = 0;
    std::uint64_t snapshot_ = 0;
};

} // namespace authex::sancus_emulator
