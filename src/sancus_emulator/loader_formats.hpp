#pragma once
// The formats that loader.hpp knows, each for itself.

#include "sancus_emulator/loader.hpp"

namespace authex::sancus_emulator {

/// Source: System V ABI, chapters 4 and 5; MSP430 EABI (SLAA534), chapter 14.
Expected<Firmware> read_elf(ByteView content, const std::string& file);

/// Source: Intel Hexadecimal Object File Format Specification, revision A (1988).
Expected<Firmware> read_intel_hex(ByteView content, const std::string& file);

} // namespace authex::sancus_emulator
