// Included by a simulated module behind its source: makes the module known as a program.

#include "simulation/program.hpp"

#define SIMULATED_JOIN_OF(a, b, c) a##b##c
#define SIMULATED_JOIN(a, b, c) SIMULATED_JOIN_OF(a, b, c)
#define SIMULATED_BEGIN(what) SIMULATED_JOIN(__start_sim_, SIMULATED, what)
#define SIMULATED_END(what) SIMULATED_JOIN(__stop_sim_, SIMULATED, what)

// A module without state has the section too.
AUTHEX_STATE static std::uint8_t simulated_pad;

extern "C" {
extern const authex_endpoint SIMULATED_BEGIN(_records)[];
extern const authex_endpoint SIMULATED_END(_records)[];
extern std::uint8_t SIMULATED_BEGIN(_state)[];
extern std::uint8_t SIMULATED_END(_state)[];
}

namespace {
[[maybe_unused]] const std::uint8_t& simulated_pad_is_used = simulated_pad;
const authex::simulation::Program
    simulated_program(SIMULATED_TEXT(SIMULATED),
                      {SIMULATED_BEGIN(_records), SIMULATED_END(_records)},
                      {SIMULATED_BEGIN(_state), SIMULATED_END(_state)});
} // namespace
