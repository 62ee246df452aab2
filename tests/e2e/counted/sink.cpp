// Counts what it takes, and what of it was not the next number. `display` shows the same to all.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint32_t taken;
AUTHEX_STATE static std::uint32_t expected;
AUTHEX_STATE static std::uint32_t gaps;   ///< numbers were left out before it
AUTHEX_STATE static std::uint32_t behind; ///< taken before, or overtaken

static bool safe; ///< what drives something would let it go

AUTHEX_INPUT(take, event) {
    const std::uint32_t number = event.reader().u32();
    if (number > expected) {
        ++gaps;
    } else if (number < expected) {
        ++behind;
    }
    expected = number + 1;
    ++taken;
}

AUTHEX_SAFE_STATE() {
    safe = true;
}

AUTHEX_HANDLER(is_safe, request, reply) {
    reply.u32(safe ? 1 : 0);
}

AUTHEX_HANDLER(taken, request, reply) {
    reply.u32(taken).u32(expected).u32(gaps).u32(behind);
}

AUTHEX_ENTRY(display, call) {
    call.result.u32(taken).u32(expected).u32(gaps).u32(behind);
}
