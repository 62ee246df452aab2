// Hands on what it takes, on a microcontroller.
#include <authex/module.hpp>

AUTHEX_OUTPUT(give);

AUTHEX_INPUT(take, event) {
    give(event.data);
}
