// Driver of buttons, by interrupt: the hardware says each press, and only it can.
//
//   button: { node: …, driver: button, devices: [button0] }
//
//   output pressed   u8: the pins of the port that were pressed, bit n for button n
//   definitions      ACTIVE_LOW: a pressed button pulls its pin down
#include <authex/device.hpp>

namespace {
#ifdef ACTIVE_LOW
constexpr std::uint8_t edge = authex::pins;
#else
constexpr std::uint8_t edge = 0;
#endif
} // namespace

AUTHEX_OUTPUT(pressed);

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(authex::port::interrupt_edge, edge);
        authex_device_write8(authex::port::interrupt_flags, 0);
        authex_device_write8(authex::port::interrupt_enable, authex::pins);
    }
    const std::uint8_t which = interrupt.flags() & authex::pins;
    if (which != 0) {
        pressed(which);
    }
}
