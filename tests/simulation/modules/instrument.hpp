// Included by a simulated module before its source, with SIMULATED defined as its name. Its records
// and its state come to lie in sections of their own, so that many modules live in one program, and
// what reaches and leaves it passes the taps. No include guard: one module is one file.

#include <authex/abi.h>

#include "simulation/taps.hpp"

#define SIMULATED_TEXT_OF(x) #x
#define SIMULATED_TEXT(x) SIMULATED_TEXT_OF(x)
#define SIMULATED_SECTION(what) "sim_" SIMULATED_TEXT(SIMULATED) "_" what

#undef AUTHEX_RECORD
#define AUTHEX_RECORD(name, kind, function)                                                        \
    static void authex_tap_##name(authex_message* message);                                        \
    __attribute__((                                                                                \
        used,                                                                                      \
        retain,                                                                                    \
        section(SIMULATED_SECTION("records")),                                                     \
        aligned(sizeof(void*)))) static const authex_endpoint authex_endpoint_##name = {           \
        #name, authex_tap_##name, kind};                                                           \
    static void authex_tap_##name(authex_message* message) {                                       \
        static void (*const real)(authex_message*) = function;                                     \
        authex::simulation::tap_take(&authex_endpoint_##name, real, message);                      \
    }                                                                                              \
    static_assert(true)

#undef AUTHEX_STATE
#define AUTHEX_STATE __attribute__((used, retain, section(SIMULATED_SECTION("state"))))

#define authex_output authex::simulation::tap_output
#define authex_request authex::simulation::tap_request
#define authex_log authex::simulation::tap_log
