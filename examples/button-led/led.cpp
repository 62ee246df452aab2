// The LED's driver. Without a TEE there is no LED: it writes a line instead.
#include <authex/module.hpp>

AUTHEX_STATE static bool lit;

AUTHEX_INPUT(set, event) {
    lit = event.reader().u8() != 0;
    if (lit) {
        authex::log_info("LED is on");
    } else {
        authex::log_info("LED is off");
    }
}

AUTHEX_HANDLER(read_state, request, reply) {
    reply.u8(static_cast<std::uint8_t>(lit));
}
