// The application's logic: opens the tap when the soil is dry, closes it when it is wet. The same
// file is the controller on a node without TEE and on a microcontroller.
#include <authex/module.hpp>

AUTHEX_OUTPUT(ask_soil);
AUTHEX_OUTPUT(set_tap);

/// Percent of moisture. Between the two the tap stays as it is.
static constexpr std::int16_t dry = 25;
static constexpr std::int16_t wet = 40;

AUTHEX_STATE static bool open;

AUTHEX_INPUT(check, event) {
    ask_soil();
}

AUTHEX_INPUT(measured, event) {
    authex::Reader reader = event.reader();
    const auto moisture = static_cast<std::int16_t>(reader.u16());
    if (!reader.done()) {
        return;
    }
    if (moisture < dry) {
        open = true;
    } else if (moisture > wet) {
        open = false;
    }
    set_tap(static_cast<std::uint8_t>(open));
}
