#pragma once
// Loads and stores of instructions: quick where everybody may, with a closer look elsewhere.

#include "sancus_emulator/core.hpp"

namespace authex::sancus_emulator {

/// By the rights of the domain that executes. A forbidden load violates and gives 0.
/// @param at the cycle in which the bus is read
std::uint16_t slow_load(
    Core& core, const Instruction& instruction, std::uint16_t address, bool byte, std::uint64_t at);
/// A forbidden store violates and changes nothing.
void slow_store(Core& core,
                const Instruction& instruction,
                std::uint16_t address,
                std::uint16_t value,
                bool byte);

template <bool Byte>
[[nodiscard]] inline std::uint16_t
load(Core& core, const Instruction& instruction, std::uint16_t address, std::uint64_t at) {
    const std::uint8_t who = core.read_class[address];
    if (who != access::open && who != core.domain) [[unlikely]] {
        return slow_load(core, instruction, address, Byte, at);
    }
    return Byte ? core.memory.bytes[address] : core.memory.word(address);
}

template <bool Byte>
inline void
store(Core& core, const Instruction& instruction, std::uint16_t address, std::uint16_t value) {
    const std::uint8_t who = core.write_class[address];
    if (who != access::open && who != core.domain) [[unlikely]] {
        slow_store(core, instruction, address, value, Byte);
        return;
    }
    if (Byte) {
        core.memory.bytes[address] = static_cast<std::uint8_t>(value);
    } else {
        core.memory.set_word(address, value);
    }
}

} // namespace authex::sancus_emulator
