// Shows the number of free spaces.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint8_t shown = 255;
AUTHEX_STATE static std::uint32_t changes;

AUTHEX_INPUT(show, event) {
    shown = event.reader().u8();
    ++changes;
    if (shown == 0) {
        authex::log_info("full");
    } else {
        authex::log_info("spaces are free");
    }
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u8(shown).u32(changes);
}
