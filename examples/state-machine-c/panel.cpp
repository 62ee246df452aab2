// The panel in C++: passes commands to the door, counts what was done and what was refused.
#include <authex/module.hpp>

AUTHEX_REQUEST(door);

AUTHEX_STATE static std::uint32_t done;
AUTHEX_STATE static std::uint32_t refused;
AUTHEX_STATE static std::uint8_t shown;

AUTHEX_INPUT(press, event) {
    if (!door(event.data).ok()) {
        authex::log_error("the door is not connected");
    }
}

AUTHEX_REPLY(door, reply) {
    ++(reply.ok() ? done : refused);
}

AUTHEX_INPUT(door_changed, event) {
    shown = event.reader().u8();
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u8(shown).u32(done).u32(refused);
}
