// The LED's driver on Sancus: it alone owns port 2, so nobody else lights the LED.
#include <authex/device.hpp>

namespace {
constexpr std::uint16_t out_register = 0x29;
constexpr std::uint16_t direction_register = 0x2a;
constexpr std::uint8_t led0 = 1;
} // namespace

AUTHEX_STATE static std::uint8_t lit;

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(out_register, 0);
        authex_device_write8(direction_register, led0);
    }
}

AUTHEX_INPUT(set, event) {
    lit = event.reader().u8() != 0 ? led0 : std::uint8_t{0};
    authex_device_write8(out_register, lit);
}

AUTHEX_HANDLER(read_state, request, reply) {
    reply.u8(lit);
}
