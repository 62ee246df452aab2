#pragma once
// A source of random numbers.
//
//   +0 VALUE (word, read only) 16 bits, new ones at each read, also of one byte of it
//
// The bits are SHA-256(seed ‖ number of the block), so that they are unpredictable for whoever does
// not know the seed, and the same again for who does.

#include <array>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

using RandomSeed = std::array<std::uint8_t, 32>;

class RandomNumber : public Device {
  public:
    RandomNumber(std::uint16_t base, const RandomSeed& seed) : base_(base), seed_(seed) {}

    [[nodiscard]] bool has(std::uint16_t address) const override { return address == base_; }
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override { (void)cycle; }
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    void next_block();

    std::uint16_t base_;
    RandomSeed seed_;
    std::uint64_t blocks_ = 0; ///< made so far; the last of them is in `block_`
    std::array<std::uint8_t, 32> block_{};
    std::size_t used_ = sizeof block_; ///< bytes of it
};

} // namespace authex::sancus_emulator
