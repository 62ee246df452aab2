#pragma once
// The handlers of instructions, chosen by the decoder.

#include "sancus_emulator/core.hpp"

namespace authex::sancus_emulator {

/// Operations of two operands, numbered as in the opcode (bits 15–12), from 4 on.
enum class Double : std::uint8_t {
    mov = 4,
    add,
    addc,
    subc,
    sub,
    cmp,
    dadd,
    bit,
    bic,
    bis,
    xor_, // NOLINT(readability-identifier-naming): the mnemonic is a word of C++
    and_  // NOLINT(readability-identifier-naming): the same
};
/// Operations of one operand (bits 9–7).
enum class Single : std::uint8_t { rrc, swpb, rra, sxt, push, call };

/// Where an operand is, once program counter, status register and constant generator have been
/// told apart: absolute and symbolic operands have the constant generator, which is 0, as base.
enum class Source : std::uint8_t { reg, constant, memory, increment };
/// `special`: registers 0 to 3.
enum class Destination : std::uint8_t { reg, special, memory };

[[nodiscard]] Handler handler(Double operation, bool byte, Source source, Destination destination);
/// @param special the operand is one of registers 0 to 3
[[nodiscard]] Handler handler(Single operation, bool byte, Source source, bool special);
/// @param condition bits 12–10 of the opcode
[[nodiscard]] Handler jump_handler(unsigned condition);
void reti(Core& core, const Instruction& instruction);
void no_operation(Core& core, const Instruction& instruction);

/// The instructions of Sancus; `instruction.source` is the number after 0x1380. Adds its cycles.
void sancus(Core& core, const Instruction& instruction);

/// Checks the stack guard. The lowest bit falls away.
void write_sp(Core& core, const Instruction& instruction, std::uint16_t value);

} // namespace authex::sancus_emulator
