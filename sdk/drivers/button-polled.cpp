// Driver of buttons, by polling: for boards whose port raises no interrupt. The port remembers each
// press until the next look; several presses of one button between two looks are one.
//
//   button: { node: …, driver: button-polled, devices: [button0] }       in `modules:`
//   - { module: button, entry: poll, every: 50ms }                       in `periodic:`
//
//   output pressed   u8: the pins of the port that were pressed, bit n for button n
//   entry poll       looks; anybody may call it, since what it finds is true at any time
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
        authex_device_write8(authex::port::interrupt_enable, 0);
        authex_device_write8(authex::port::interrupt_edge, edge);
        authex_device_write8(authex::port::interrupt_flags, 0);
    }
}

AUTHEX_ENTRY(poll, call) {
    const auto flags = static_cast<std::uint8_t>(
        authex_device(AUTHEX_DEVICE_TAKE8, authex::port::interrupt_flags, 0));
    const std::uint8_t which = flags & authex::pins;
    if (which != 0) {
        pressed(which);
    }
}
