#include <authex/module.hpp>

AUTHEX_OUTPUT(pong);

AUTHEX_INPUT(ping, event) {
    pong(event.data);
}
