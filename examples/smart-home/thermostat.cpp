// Heats when it is colder than it shall be by more than half a degree, until it is warmer by as
// much.
#include <authex/module.hpp>

AUTHEX_OUTPUT(heat);
AUTHEX_STATE static std::int16_t target;
AUTHEX_STATE static bool has_target;
AUTHEX_STATE static bool heating;

constexpr std::int16_t slack = 5;

static std::int16_t wanted() {
    const std::uint64_t configured = authex::config("target").number().value_or(200);
    return has_target ? target : static_cast<std::int16_t>(configured);
}

AUTHEX_INPUT(temperature, event) {
    const auto now = static_cast<std::int16_t>(event.reader().u16());
    const bool should = heating ? now < wanted() + slack : now < wanted() - slack;
    if (should != heating) {
        heating = should;
        heat(static_cast<std::uint8_t>(heating ? 1 : 0));
    }
}

AUTHEX_INPUT(set_target, event) {
    target = static_cast<std::int16_t>(event.reader().u16());
    has_target = true;
}

AUTHEX_HANDLER(read_target, request, reply) {
    reply.u16(static_cast<std::uint16_t>(wanted()));
}
