#pragma once
// The devices of the boards that Authex knows, as a module can own them: whole blocks of registers;
// and the drivers that come with Authex (sdk/drivers).

#include <cstdint>
#include <string>
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

struct Device {
    std::string_view name;
    const DeviceBlock& block;
    std::uint8_t pins; ///< of the port that it is on; 0: on none
};

/// What a device's name stands for, on the board `default` of authex-sancus and on boards that are
/// wired like it; null: no such device.
[[nodiscard]] const Device* find_device(std::string_view name);
/// All names, for messages.
[[nodiscard]] std::vector<std::string> device_names();

struct Driver {
    std::string_view name;
    std::vector<std::string_view> blocks; ///< it drives a device of one of these; empty: of none
};

/// A driver that comes with Authex; null: no such one.
[[nodiscard]] const Driver* find_driver(std::string_view name);
[[nodiscard]] std::vector<std::string> driver_names();

/// Where the board's source of random numbers is read, a word at a time; no module owns it.
constexpr std::uint16_t random_device = 0x1a0;

} // namespace authex::tee::sancus
