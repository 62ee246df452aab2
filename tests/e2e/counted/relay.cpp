// Hands on what it takes.
#include <authex/module.hpp>

AUTHEX_OUTPUT(give);

AUTHEX_INPUT(take, event) {
    give(event.data);
}
