// A clock that its owner sets.
#include <authex/module.hpp>

AUTHEX_OUTPUT(time);

AUTHEX_INPUT(set, event) {
    time(event.reader().u64());
}
