#pragma once
// Instructions as text.

#include <string>

#include "sancus_emulator/memory.hpp"

namespace authex::sancus_emulator {

/// What the core executes at an address, in the syntax of GNU and LLVM assemblers: `mov.b #0x10,
/// &0x0081`, `call 2(r5)`, `jnz 0x4010`. Targets of jumps and operands relative to the program
/// counter are absolute addresses. Instructions of Sancus have a name of their own: `sancus.wrap`.
/// @param address even
[[nodiscard]] std::string disassemble(const Memory& memory, std::uint16_t address);

} // namespace authex::sancus_emulator
