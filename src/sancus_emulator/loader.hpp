#pragma once
// Programs as files: ELF (32 bits, MSP430) and Intel HEX.

#include <string>
#include <vector>

#include "sancus_emulator/machine.hpp"
#include "sancus_emulator/symbols.hpp"

namespace authex::sancus_emulator {

struct Segment {
    std::uint16_t address = 0;
    std::vector<std::uint8_t> bytes; ///< not empty; ends at 0x10000 at most
};

struct Firmware {
    std::vector<Segment> segments;
    std::uint16_t entry = 0; ///< where it begins unless it brings a reset vector
    Symbols symbols;         ///< none in Intel HEX
};

/// Reads either kind; which one it is the content says. Segments go to their load addresses, as
/// they lie in the flash of a board: start-up code moves what belongs elsewhere.
/// @param file its name, for messages
/// @error firmware-unknown | elf-malformed | elf-machine | elf-relocatable | hex-malformed, with
/// the line | firmware-empty
Expected<Firmware> read_firmware(ByteView content, const std::string& file);

/// Puts the program into memory and resets the machine. Where the program brings no reset vector,
/// that of memory becomes its entry.
/// @error firmware-outside: a segment lies where the board has no memory; nothing is loaded
Expected<bool> load_firmware(Machine& machine, const Firmware& firmware);

} // namespace authex::sancus_emulator
