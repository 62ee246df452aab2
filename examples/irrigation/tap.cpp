// Driver of the tap, which a pin of port 2 opens (led0 shines while it is open). Each order is
// answered by how the tap then stands.
#include <authex/device.hpp>

AUTHEX_OUTPUT(stands);

AUTHEX_STATE static std::uint8_t open;

AUTHEX_INTERRUPT(port, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(authex::port::out, 0);
        authex_device_write8(authex::port::direction, authex::pins);
    }
}

AUTHEX_INPUT(set, event) {
    open = event.reader().u8() != 0 ? 1 : 0;
    authex_device_write8(authex::port::out, open != 0 ? authex::pins : std::uint8_t{0});
    stands(open);
}
