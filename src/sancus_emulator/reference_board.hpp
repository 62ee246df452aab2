#pragma once
// The board on which the hardware description was run to record what it does (golden.hpp), which
// is that of the simulator of the Sancus tools: 10 KiB of data memory, 48 KiB of program memory,
// the node key of its examples, and beside the core's own devices digits at 0x0090.

#include <vector>

#include "sancus_emulator/machine.hpp"

namespace authex::sancus_emulator {

[[nodiscard]] Configuration reference_configuration();
[[nodiscard]] std::vector<NamedDevice> reference_devices();

} // namespace authex::sancus_emulator
