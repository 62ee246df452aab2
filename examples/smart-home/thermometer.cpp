// Measures the temperature in tenths of a degree, also of minus; the deployer plays the weather.
#include <authex/module.hpp>

AUTHEX_OUTPUT(temperature);
AUTHEX_STATE static std::int16_t now = 200;

AUTHEX_INPUT(weather, event) {
    now = static_cast<std::int16_t>(event.reader().u16());
}

// Called by the descriptor's `periodic`: what is measured is what the weather is, whoever calls.
AUTHEX_ENTRY(measure, call) {
    temperature(static_cast<std::uint16_t>(now));
}
