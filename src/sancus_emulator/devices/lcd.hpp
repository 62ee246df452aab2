#pragma once
// A text display of two rows of sixteen characters. What a program writes is seen only when it
// says so: each text that appears is one physical output, never half of one.
//
//   +0 CONTROL (word) write: bit 0 clears the text, bit 1 shows it; both: first clears. Reads 0.
//   +2 CURSOR  (word) row · 16 + column of the next character, 0 to 31
//   +4 DATA    (byte) write: the character at the cursor, which moves on, from the end to the
//              start. Reads 0.
// Characters are ASCII; others appear as «?».

#include <string>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class Lcd : public Device {
  public:
    static constexpr std::size_t rows = 2;
    static constexpr std::size_t columns = 16;

    /// @param base even. @param world may be nullptr; borrowed
    Lcd(std::string name, std::uint16_t base, PhysicalWorld* world)
        : name_(std::move(name)), base_(base), world_(world) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    /// The rows without the spaces at their ends, and a line feed between them.
    [[nodiscard]] std::string shown() const override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    void show(std::uint64_t cycle);

    std::string name_;
    std::uint16_t base_;
    PhysicalWorld* world_;
    std::uint8_t cursor_ = 0;
    std::string written_ = std::string(rows * columns, ' ');
    std::string shown_ = std::string(rows * columns, ' ');
};

} // namespace authex::sancus_emulator
