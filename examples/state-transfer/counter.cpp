// Counts, wherever it runs.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint32_t count;

AUTHEX_HANDLER(add, request, reply) {
    reply.u32(++count);
}
