#define SIMULATED db
#include "simulation/modules/instrument.hpp"
// The source as it stands in the example.
#include "../examples/button-led/db.cpp"
// It comes last: it needs the module's records.
#include "simulation/modules/register.hpp"
