#pragma once
// The devices of the boards that Authex knows, as a module can own them: whole blocks of registers.

#include <cstdint>
#include <string_view>
#include <vector>

namespace authex::tee::sancus {

struct DeviceBlock {
    std::string_view block; ///< two names of one block are one device: it has one owner
    std::uint16_t begin;    ///< address of the first register
    std::uint16_t end;      ///< exclusive
    std::uint16_t vector;   ///< number of its interrupt; 0: none
    std::uint16_t flags;    ///< address of its interrupt flags, a byte; 0: none
};

/// The block of registers that a device's name stands for, on the board `default` of authex-sancus
/// and on boards that are wired like it; null: no such device.
[[nodiscard]] const DeviceBlock* find_device(std::string_view name);
/// All names, for messages.
[[nodiscard]] std::vector<std::string_view> device_names();

/// Where the board's source of random numbers is read, a word at a time; no module owns it.
constexpr std::uint16_t random_device = 0x1a0;

} // namespace authex::tee::sancus
