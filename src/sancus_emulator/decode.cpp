// Opcodes (SLAU049, section 3.4) and cycles of openMSP430: MOV, CMP and BIT cost what ADD costs, a
// jump costs 2 whether taken or not.
#include "sancus_emulator/execute.hpp"

namespace authex::sancus_emulator {
namespace {

/// Reads opcode and extension words, one after the other.
struct Words {
    const Memory& memory;
    std::uint16_t address;

    std::uint16_t take() {
        const std::uint16_t word = memory.word(address);
        address = static_cast<std::uint16_t>(address + 2);
        return word;
    }
    /// An offset from the program counter counts from the word that holds it.
    std::uint16_t take_symbolic() {
        const std::uint16_t from = address;
        return static_cast<std::uint16_t>(from + take());
    }
};

struct Operand {
    Source kind = Source::reg;
    /// Cycles: 0 register or constant, 1 through a register or immediate, 2 with an offset.
    std::uint8_t cost = 0;
};

Operand constant(Instruction& instruction, std::uint16_t value, std::uint8_t cost = 0) {
    instruction.source = value;
    return {Source::constant, cost};
}

Operand memory(Instruction& instruction, unsigned base, std::uint16_t offset, std::uint8_t cost) {
    instruction.source_register = static_cast<std::uint8_t>(base);
    instruction.source = offset;
    instruction.source_wait = cost == 2 ? 1 : 0;
    return {Source::memory, cost};
}

Operand
decode_source(Instruction& instruction, Words& words, unsigned mode, unsigned number, bool byte) {
    if (number == reg::cg) {
        constexpr std::array<std::uint16_t, 4> generated = {0, 1, 2, 0xFFFF};
        return constant(instruction, generated[mode]);
    }
    if (number == reg::sr && mode >= 2) {
        return constant(instruction, mode == 2 ? 4 : 8);
    }
    instruction.source_register = static_cast<std::uint8_t>(number);
    switch (mode) {
    case 0:
        return number == reg::pc ? constant(instruction, words.address) : Operand{Source::reg, 0};
    case 1:
        if (number == reg::pc) {
            return memory(instruction, reg::cg, words.take_symbolic(), 2);
        }
        return memory(instruction, number == reg::sr ? reg::cg : number, words.take(), 2);
    case 2:
        return number == reg::pc ? memory(instruction, reg::cg, words.address, 1)
                                 : memory(instruction, number, 0, 1);
    default:
        if (number == reg::pc) {
            return constant(instruction, words.take(), 1);
        }
        instruction.step = byte && number != reg::sp ? 1 : 2;
        return {Source::increment, 1};
    }
}

void decode_double(Instruction& instruction, Words& words, std::uint16_t opcode) {
    const auto operation = static_cast<Double>(opcode >> 12U);
    const bool byte = (opcode & 0x40U) != 0;
    const unsigned to = opcode & 0xFU;
    const Operand source =
        decode_source(instruction, words, (opcode >> 4U) & 3U, (opcode >> 8U) & 0xFU, byte);
    instruction.destination_register = static_cast<std::uint8_t>(to);
    auto destination = to <= reg::cg ? Destination::special : Destination::reg;
    unsigned cycles = source.cost + 1U;
    if ((opcode & 0x80U) != 0) {
        destination = Destination::memory;
        cycles += 3;
        if (to == reg::pc) {
            instruction.destination = words.take_symbolic();
        } else {
            instruction.destination = words.take();
        }
        if (to == reg::pc || to == reg::sr) {
            instruction.destination_register = reg::cg;
        }
    } else if (to == reg::pc) {
        cycles += 1;
    }
    instruction.cycles = static_cast<std::uint8_t>(cycles);
    instruction.run = handler(operation, byte, source.kind, destination);
}

void decode_single(const Core& core, Instruction& instruction, Words& words, std::uint16_t opcode) {
    const unsigned operation = (opcode >> 7U) & 7U;
    if (operation == 7) {
        instruction.source = opcode & 0xFU;
        const bool known =
            instruction.source <= 8 || (instruction.source == 9 && core.variant == Variant::aion);
        instruction.run = known ? sancus : no_operation;
        instruction.cycles = known ? 0 : 1;
        return;
    }
    if (operation == 6) {
        instruction.cycles = 5;
        instruction.run = reti;
        return;
    }
    const auto name = static_cast<Single>(operation);
    const bool byte = (opcode & 0x40U) != 0;
    const unsigned number = opcode & 0xFU;
    const Operand operand = decode_source(instruction, words, (opcode >> 4U) & 3U, number, byte);
    instruction.destination_register = static_cast<std::uint8_t>(number);
    if (name == Single::push || name == Single::call) {
        instruction.cycles = static_cast<std::uint8_t>(3U + operand.cost);
    } else {
        instruction.cycles = operand.cost == 0 ? 1 : static_cast<std::uint8_t>(2U + operand.cost);
    }
    instruction.run = handler(name, byte, operand.kind, number <= reg::cg);
}

void decode_jump(Instruction& instruction, std::uint16_t opcode, std::uint16_t next) {
    const int offset = (opcode & 0x1FFU) - (opcode & 0x200U);
    instruction.destination = static_cast<std::uint16_t>(next + 2 * offset);
    instruction.cycles = 2;
    instruction.run = jump_handler((opcode >> 10U) & 7U);
}

} // namespace

Instruction decode(const Core& core, std::uint16_t address) {
    Instruction instruction;
    Words words{core.memory, address};
    const std::uint16_t opcode = words.take();
    if (opcode >= 0x4000) {
        decode_double(instruction, words, opcode);
    } else if (opcode >= 0x2000) {
        decode_jump(instruction, opcode, words.address);
    } else {
        decode_single(core, instruction, words, opcode);
    }
    instruction.next = words.address;
    instruction.domain = core.enclaves.text_of(address);
    return instruction;
}

} // namespace authex::sancus_emulator
