// Driver of LEDs, or of whatever else a pin of port 2 switches: nobody else lights them.
//
//   led: { node: …, driver: led, devices: [led0] }
//
//   input set            u8: 0: all of them off, else on
//   input set_pins       u8: bit n: LED n of the port, of those that are its own
//   handler read_state   u8: the pins that are on
//   definitions          ACTIVE_LOW: an LED shines while its pin is low
#include <authex/device.hpp>

namespace {
#ifdef ACTIVE_LOW
constexpr std::uint8_t dark = authex::pins;
#else
constexpr std::uint8_t dark = 0;
#endif
} // namespace

AUTHEX_STATE static std::uint8_t lit;

static void show(std::uint8_t on) {
    lit = on & authex::pins;
    authex_device_write8(authex::port::out, lit ^ dark);
}

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) {
        show(0);
        authex_device_write8(authex::port::direction, authex::pins);
    }
}

AUTHEX_INPUT(set, event) {
    show(event.reader().u8() != 0 ? authex::pins : std::uint8_t{0});
}

AUTHEX_INPUT(set_pins, event) {
    show(event.reader().u8());
}

AUTHEX_HANDLER(read_state, request, reply) {
    reply.u8(lit);
}
