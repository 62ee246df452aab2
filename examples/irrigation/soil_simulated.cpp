// The soil sensor, where there is none: the owner says what it measures, in percent of moisture.
#include <authex/module.hpp>

AUTHEX_OUTPUT(value);

AUTHEX_STATE static std::uint16_t moisture = 30;

AUTHEX_INPUT(measure, event) {
    moisture = event.reader().u16();
}

AUTHEX_INPUT(ask, event) {
    value(moisture);
}
