// Knows every space and tells all displays how many are free: as a number, and as text for those
// that show text.
#include <authex/module.hpp>

AUTHEX_OUTPUT(free_spaces);
AUTHEX_OUTPUT(text);

static constexpr std::uint8_t spaces = 2;
AUTHEX_STATE static bool taken[spaces];

static std::uint8_t free_now() {
    std::uint8_t free = 0;
    for (const bool is_taken : taken) {
        free = static_cast<std::uint8_t>(free + !is_taken);
    }
    return free;
}

static void show_text(std::uint8_t free) {
    static constexpr std::uint8_t full[] = {'f', 'u', 'l', 'l'};
    const std::uint8_t some[] = {static_cast<std::uint8_t>('0' + free), ' ', 'f', 'r', 'e', 'e'};
    text(free == 0 ? authex::ByteView(full) : authex::ByteView(some));
}

AUTHEX_INPUT(changed, event) {
    authex::Reader reader = event.reader();
    const std::uint8_t place = reader.u8();
    const std::uint8_t now_taken = reader.u8();
    if (!reader.done() || place >= spaces) {
        authex::log_warning("a sensor sent something else than its place and state");
        return;
    }
    taken[place] = now_taken != 0;
    free_spaces(free_now());
    show_text(free_now());
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u8(free_now());
}
