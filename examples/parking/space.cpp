// Driver of the sensor of one space, a contact that a parked car closes (button0). `PLACE` (a
// definition in the descriptor) is the number of the space.
#include <authex/device.hpp>

AUTHEX_OUTPUT(changed);

AUTHEX_STATE static std::uint8_t taken;

/// The next change is the edge away from `level`.
static void wait_for_change(std::uint8_t level) {
    authex_device_write8(authex::port::interrupt_edge, level);
}

static std::uint8_t level() {
    return authex_device_read8(authex::port::in) & authex::pins;
}

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) { // a space counts as free until a car comes
        wait_for_change(0);
        authex_device_write8(authex::port::interrupt_flags, 0);
        authex_device_write8(authex::port::interrupt_enable, authex::pins);
        return;
    }
    std::uint8_t now = level();
    wait_for_change(now);
    if (level() != now) { // it changed between both lines, and no edge would say so
        now = level();
        wait_for_change(now);
    }
    if (now != taken) {
        taken = now;
        const std::uint8_t message[] = {PLACE, static_cast<std::uint8_t>(now != 0)};
        changed(message);
    }
}
