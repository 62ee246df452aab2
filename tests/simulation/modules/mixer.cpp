#define SIMULATED mixer
#include "simulation/modules/instrument.hpp"

// A module whose every output depends on all that it has taken, and on the order.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint64_t digest;

static void mix(std::uint64_t number) {
    digest = (digest ^ number) * 0x9E3779B97F4A7C15U;
    digest ^= digest >> 29U;
}
static void mix(authex::ByteView data) {
    mix(data.size());
    std::uint64_t word = 0;
    for (; data.size() >= sizeof word; data = data.subspan(sizeof word)) {
        __builtin_memcpy(&word, data.data(), sizeof word);
        mix(word);
    }
    for (const std::uint8_t byte : data) {
        mix(byte);
    }
}

AUTHEX_OUTPUT(out);
AUTHEX_OUTPUT(echo);
AUTHEX_REQUEST(ask);

AUTHEX_INPUT(in, event) {
    mix(1);
    mix(event.data);
    out(digest);
}
AUTHEX_INPUT(other, event) {
    mix(2);
    mix(event.data);
    echo(event.data);
    ask(digest);
}
AUTHEX_REPLY(ask, reply) {
    mix(3);
    mix(reply.id);
    mix(reply.status);
    mix(reply.data);
    out(digest);
}
AUTHEX_HANDLER(answer, request, reply) {
    mix(4);
    mix(request.data);
    if (digest % 8 == 0) {
        request.fail();
    }
    reply.u64(digest);
}
// Anybody may call it: it must not change what goes out.
AUTHEX_ENTRY(look, call) {
    call.result.u64(digest);
}

#include "simulation/modules/register.hpp"
