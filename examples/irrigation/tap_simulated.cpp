// The tap, where there is none: it writes a line instead.
#include <authex/module.hpp>

AUTHEX_OUTPUT(stands);

AUTHEX_INPUT(set, event) {
    const std::uint8_t open = event.reader().u8() != 0 ? 1 : 0;
    if (open != 0) {
        authex::log_info("the tap is open");
    } else {
        authex::log_info("the tap is closed");
    }
    stands(open);
}
