// Drives something that is on or off: a lamp, the valve of a radiator.
#include <authex/module.hpp>

AUTHEX_OUTPUT(changed);
AUTHEX_STATE static bool on;

static void become(bool wanted) {
    if (on != wanted) {
        on = wanted;
        if (on) {
            authex::log_info("on");
        } else {
            authex::log_info("off");
        }
        changed(static_cast<std::uint8_t>(on ? 1 : 0));
    }
}

AUTHEX_INPUT(set, event) {
    become(event.reader().u8() == 1);
}
AUTHEX_INPUT(toggle, event) {
    become(!on);
}
AUTHEX_HANDLER(read, request, reply) {
    reply.u8(on ? 1 : 0);
}
