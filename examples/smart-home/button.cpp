// A light switch; the deployer plays the hand.
#include <authex/module.hpp>

AUTHEX_OUTPUT(pressed);

AUTHEX_INPUT(press, event) {
    pressed();
}
