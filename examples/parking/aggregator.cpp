// Knows every space and tells all displays how many are free.
#include <authex/module.hpp>

AUTHEX_OUTPUT(free_spaces);

static constexpr std::uint8_t spaces = 2;
AUTHEX_STATE static bool taken[spaces];

AUTHEX_INPUT(changed, event) {
    authex::Reader reader = event.reader();
    const std::uint8_t place = reader.u8();
    const std::uint8_t now_taken = reader.u8();
    if (!reader.done() || place >= spaces) {
        authex::log_warning("a sensor sent something else than its place and state");
        return;
    }
    taken[place] = now_taken != 0;
    std::uint8_t free = 0;
    for (const bool is_taken : taken) {
        free = static_cast<std::uint8_t>(free + !is_taken);
    }
    free_spaces(free);
}
