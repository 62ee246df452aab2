// The button's driver on Sancus: it alone owns port 1, so each press that it says was made by
// hardware.
#include <authex/device.hpp>

namespace {
constexpr std::uint16_t flags_register = 0x23;
constexpr std::uint16_t edge_register = 0x24; // 0: rising
constexpr std::uint16_t enable_register = 0x25;
constexpr std::uint8_t button0 = 1;
} // namespace

AUTHEX_OUTPUT(pressed);

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(edge_register, 0);
        authex_device_write8(flags_register, 0);
        authex_device_write8(enable_register, button0);
    }
    if ((interrupt.flags() & button0) != 0) {
        pressed();
    }
}
