// Counts the pulses of an electricity meter.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint16_t pulses;

AUTHEX_INPUT(pulse, event) {
    ++pulses;
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u32(pulses);
}
