#include "sancus_emulator/bus.hpp"

namespace authex::sancus_emulator {
namespace {

bool is_device(std::uint16_t address) {
    return address < MemoryMap::peripherals_end;
}

} // namespace

std::uint16_t slow_load(Core& core,
                        const Instruction& instruction,
                        std::uint16_t address,
                        bool byte,
                        std::uint64_t at) {
    if (core.masked) {
        return 0;
    }
    if (const Domain owner = core.enclaves.forbidden_by(core.domain, address, false);
        owner != unprotected) {
        core.violate(Violation::Kind::read, instruction, address, owner);
        return 0;
    }
    core.look_at(address, byte, false);
    std::uint16_t word = 0;
    if (is_device(address)) {
        word = core.peripherals->read(address & 0xFFFEU, at);
        core.attend();
    } else if (core.map.is_data(address) || core.map.is_program(address)) {
        word = core.memory.word(address);
    }
    if (!byte) {
        return word;
    }
    return (address & 1U) != 0 ? word >> 8U : word & 0xFFU;
}

void slow_store(Core& core,
                const Instruction& instruction,
                std::uint16_t address,
                std::uint16_t value,
                bool byte) {
    if (const Domain owner = core.enclaves.forbidden_by(core.domain, address, true);
        owner != unprotected && !core.masked) {
        core.violate(Violation::Kind::write, instruction, address, owner);
    }
    if (!core.masked) {
        core.look_at(address, byte, true);
    }
    if (is_device(address)) {
        // The hardware description masks writes to memory alone.
        if (!core.masked || core.rules == Rules::rtl) {
            const std::uint16_t both =
                byte ? static_cast<std::uint16_t>((value & 0xFFU) * 0x0101U) : value;
            const std::uint16_t mask = !byte ? 0xFFFF : (address & 1U) != 0 ? 0xFF00 : 0x00FF;
            core.peripherals->write(address & 0xFFFEU, both, mask, core.cycle);
            core.attend();
        }
        return;
    }
    const bool program = core.map.is_program(address);
    if (core.masked || (!program && !core.map.is_data(address))) {
        return;
    }
    if (byte) {
        core.memory.bytes[address] = static_cast<std::uint8_t>(value);
    } else {
        core.memory.set_word(address, value);
    }
    if (program) {
        ++core.cycle; // omsp_frontend.v, E_DST_WR2
        core.forget(address);
    }
}

} // namespace authex::sancus_emulator
