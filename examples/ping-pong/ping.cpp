// Plays a ball back and forth and counts the rallies. `start` takes the number of balls and their
// size in bytes.
#include <authex/module.hpp>

AUTHEX_OUTPUT(ping);

AUTHEX_STATE static std::uint32_t rallies;
AUTHEX_STATE static std::uint32_t left;

AUTHEX_INPUT(start, event) {
    authex::Reader reader = event.reader();
    left = reader.u32();
    const std::uint16_t size = reader.u16();
    static constexpr std::uint8_t ball[1024] = {};
    ping(authex::ByteView(ball).first(size < sizeof ball ? size : sizeof ball));
}

AUTHEX_INPUT(pong, event) {
    ++rallies;
    if (left > 1) {
        --left;
        ping(event.data);
    } else {
        left = 0;
        authex::log_info("game over");
    }
}

AUTHEX_HANDLER(score, request, reply) {
    reply.u32(rallies).u32(left);
}
