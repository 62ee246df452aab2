// Keeps the number of presses.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint32_t presses;

AUTHEX_INPUT(increment, event) {
    ++presses;
}

AUTHEX_HANDLER(read_count, request, reply) {
    reply.u32(presses);
}
