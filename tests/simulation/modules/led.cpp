#define SIMULATED led
#include "simulation/modules/instrument.hpp"
// The source as it stands in the example.
#include "../examples/button-led/led.cpp"
// It comes last: it needs the module's records.
#include "simulation/modules/register.hpp"
