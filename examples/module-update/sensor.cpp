// Sees the meter's light blink; the deployer plays the light.
#include <authex/module.hpp>

AUTHEX_OUTPUT(pulse);

AUTHEX_INPUT(blink, event) {
    pulse();
}
