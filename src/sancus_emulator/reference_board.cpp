#include "sancus_emulator/reference_board.hpp"

#include "sancus_emulator/devices/digits.hpp"
#include "sancus_emulator/devices/multiplier.hpp"
#include "sancus_emulator/devices/timer_a.hpp"
#include "sancus_emulator/devices/watchdog.hpp"

namespace authex::sancus_emulator {

Configuration reference_configuration() {
    Configuration configuration;
    configuration.map = {0x0200, 0x2800, 0x4000};
    // clang-format off
    configuration.node_key = {0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe,
                              0xc0, 0xde, 0xfe, 0xed, 0xde, 0xfe, 0xc8, 0xed};
    // clang-format on
    return configuration;
}

std::vector<NamedDevice> reference_devices() {
    constexpr std::uint32_t aclk_cycles = 30;
    std::vector<NamedDevice> devices;
    devices.push_back({"watchdog", std::make_unique<Watchdog>(0, aclk_cycles)});
    devices.push_back({"multiplier", std::make_unique<Multiplier>()});
    devices.push_back({"timer", std::make_unique<TimerA>(aclk_cycles)});
    devices.push_back(
        {"digits", std::make_unique<Digits>("digits", std::uint16_t{0x0090}, nullptr)});
    return devices;
}

} // namespace authex::sancus_emulator
