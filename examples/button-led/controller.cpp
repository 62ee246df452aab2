// The application's logic: each press changes the light and is counted.
#include <authex/module.hpp>

AUTHEX_OUTPUT(set_led);
AUTHEX_OUTPUT(count);

AUTHEX_STATE static bool lit;

AUTHEX_INPUT(button_pressed, event) {
    lit = !lit;
    set_led(static_cast<std::uint8_t>(lit));
    count();
}
