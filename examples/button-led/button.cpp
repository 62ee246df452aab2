// The button's driver. Without a TEE there is no button: the owner presses it through the
// connection `trigger-btn`.
#include <authex/module.hpp>

AUTHEX_OUTPUT(pressed);

AUTHEX_INPUT(trigger, event) {
    authex::log_info("button pressed");
    pressed();
}
