// Sends one of each.
#include <authex/module.hpp>

AUTHEX_OUTPUT(marked);
AUTHEX_OUTPUT(dropped);
AUTHEX_OUTPUT(timed);
AUTHEX_REQUEST(asked);

static std::uint32_t answered;
static std::uint32_t failed;
static bool frozen;

// As AUTHEX_CLOCK() does it, but that it can be told to stand still.
AUTHEX_INPUT(clock, event) {
    if (!frozen) {
        authex_set_clock(event.reader().u64());
    }
}
AUTHEX_INPUT(freeze, event) {
    frozen = !frozen;
}

AUTHEX_INPUT(say, event) {
    marked(std::uint8_t{1});
    dropped(std::uint8_t{1});
    timed(std::uint8_t{1});
    asked(std::uint8_t{1});
}

AUTHEX_REPLY(asked, reply) {
    ++(reply.ok() ? answered : failed);
}

AUTHEX_HANDLER(answers, request, reply) {
    reply.u32(answered).u32(failed);
}
