#pragma once
// `authex-sancus control`: asks a running emulator and prints what it says.

#include "sancus_emulator/program/options.hpp"

namespace authex::sancus_emulator {

/// @return the exit status: exit_failed where the emulator cannot be reached, refuses, or does not
/// answer in time
int run_control(const ControlOptions& options);

} // namespace authex::sancus_emulator
