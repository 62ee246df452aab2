// Counts how often each of two buttons was pressed. Each press switches the light: it shines while
// all of them together are odd. `display` shows what was counted.
#include <authex/module.hpp>

AUTHEX_OUTPUT(light);

AUTHEX_STATE static std::uint32_t presses[2];

AUTHEX_INPUT(pressed, event) {
    const std::uint8_t pins = event.reader().u8();
    for (unsigned i = 0; i < 2; ++i) {
        presses[i] += pins >> i & 1U;
    }
    const std::uint8_t on[] = {static_cast<std::uint8_t>((presses[0] + presses[1]) & 1U)};
    light(on);
}

AUTHEX_ENTRY(display, call) {
    call.result.u32(presses[0]).u32(presses[1]);
}
