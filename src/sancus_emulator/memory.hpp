#pragma once
// The 64 KiB that a program sees, and for each byte who may touch it the quick way.

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace authex::sancus_emulator {

constexpr std::size_t address_space = 0x10000;

/// Peripherals lie at 0x0000–0x01FF. What lies nowhere reads as 0.
struct MemoryMap {
    std::uint16_t data_start = 0x0200;
    std::uint32_t data_bytes = 0x4000;
    std::uint32_t program_start = 0x5C00; ///< up to 0xFFFF

    [[nodiscard]] bool is_data(std::uint16_t address) const {
        return address >= data_start && address < data_start + data_bytes;
    }
    [[nodiscard]] bool is_program(std::uint16_t address) const { return address >= program_start; }
    static constexpr std::uint16_t peripherals_end = 0x0200;
};

/// How an access to one byte goes: `open` to everybody, a number from 1 on to the enclave in that
/// slot (counted from 1) alone, `slow` after a closer look.
namespace access {
constexpr std::uint8_t open = 0;
constexpr std::uint8_t slow = 0xFF;
using Classes = std::array<std::uint8_t, address_space>;
} // namespace access

struct Memory {
    std::array<std::uint8_t, address_space> bytes{};
    access::Classes read{};
    access::Classes write{};

    [[nodiscard]] std::uint16_t word(std::uint16_t address) const {
        const std::size_t low = address & 0xFFFEU;
        return static_cast<std::uint16_t>(bytes[low] | bytes[low + 1] << 8U);
    }
    void set_word(std::uint16_t address, std::uint16_t value) {
        const std::size_t low = address & 0xFFFEU;
        bytes[low] = static_cast<std::uint8_t>(value);
        bytes[low + 1] = static_cast<std::uint8_t>(value >> 8U);
    }
};

} // namespace authex::sancus_emulator
