#pragma once
// How the core enters the handler of an interrupt.
// Source: sancus-core, core/rtl/verilog/omsp_frontend.v (states E_IRQ_*).

#include "sancus_emulator/core.hpp"

namespace authex::sancus_emulator {

/// Saves what is to be saved with the rights of who was interrupted, clears what must not be seen,
/// and goes to the handler. A store that is forbidden changes nothing and ends the saving.
void enter_interrupt(Core& core, unsigned vector);

} // namespace authex::sancus_emulator
