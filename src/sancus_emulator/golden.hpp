#pragma once
// Recorded runs of the hardware description, which the emulator must repeat: each instruction's
// address, cycle and registers, each interrupt, and memory at the end.
//
// A file is lines of text:
//   name …  about …                 what it is
//   config base | legacy | aion     the core
//   image AAAA hex                  memory before reset, address in hex
//   C PPPP [Rn=hhhh …]              in cycle C (decimal) the instruction at PPPP is about to
//   execute;
//                                   registers that have changed since the line before
//   irq C N                         interrupt vector N was accepted in cycle C
//   end cpuoff C                    the program has set CPUOFF
//   mem AAAA hex                    data memory at the end
//   memsha256 0200-29ff H           SHA-256 of data memory at the end

#include <cstdint>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::sancus_emulator {

/// Runs the program of such a file and compares, with the rules of the hardware description.
/// @param text the file's content. @param file its name, for messages
/// @return how many instructions agreed. @error golden-malformed | golden-differs, with the line
Expected<std::size_t> check_golden(const std::string& text, const std::string& file);

} // namespace authex::sancus_emulator
