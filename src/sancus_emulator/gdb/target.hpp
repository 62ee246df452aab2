#pragma once
// A machine as a debugger sees it: registers and memory, past all protection.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sancus_emulator/machine.hpp"

namespace authex::sancus_emulator::gdb {

constexpr unsigned registers = 16;
/// In packets a register has 32 bits, little-endian, of which the upper 16 are 0.
/// Source: gdb/msp430-tdep.c, which has raw registers for MSP430X too.
constexpr std::size_t register_bytes = 4;

/// @pre number < registers
[[nodiscard]] std::uint16_t read_register(const Core& core, unsigned number);
/// Bits that no program can write keep what they are. A program counter that points into an
/// enclave's text counts as a jump from inside it: the debugger's own jumps do not violate.
/// @pre number < registers
void write_register(Core& core, unsigned number, std::uint16_t value);

/// What a program that may read everything would read. Registers of devices too: reading them
/// here does nothing to the device.
/// @param size bytes; what lies beyond 0xFFFF is left out
[[nodiscard]] std::vector<std::uint8_t>
read_memory(Machine& machine, std::uint16_t address, std::size_t size);
/// Program memory too. Registers of devices take it as they take a byte from a program.
/// @return false: a part lies where there is no memory; nothing is written
[[nodiscard]] bool write_memory(Machine& machine, std::uint16_t address, ByteView bytes);

/// Annex `target.xml`, appendix G of the manual of GDB.
[[nodiscard]] const std::string& description();

} // namespace authex::sancus_emulator::gdb
