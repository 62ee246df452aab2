// Opcodes: SLAU049, section 3.4. Those that are reserved read as what openMSP430 makes of them
// (decode.cpp).
#include "sancus_emulator/disassemble.hpp"

#include <array>

#include <fmt/format.h>

#include "sancus_emulator/registers.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::array<const char*, 12> double_names = {
    "mov", "add", "addc", "subc", "sub", "cmp", "dadd", "bit", "bic", "bis", "xor", "and"};
constexpr std::array<const char*, 7> single_names = {
    "rrc", "swpb", "rra", "sxt", "push", "call", "reti"};
constexpr std::array<const char*, 8> jump_names = {
    "jnz", "jz", "jnc", "jc", "jn", "jge", "jl", "jmp"};
constexpr std::array<const char*, 10> sancus_names = {"unprotect",
                                                      "protect",
                                                      "attest",
                                                      "attest-caller",
                                                      "wrap",
                                                      "unwrap",
                                                      "get-id",
                                                      "get-caller-id",
                                                      "stack-guard",
                                                      "clix"};

std::string register_name(unsigned number) {
    constexpr std::array<const char*, 4> special = {"pc", "sp", "sr", "cg"};
    return number < special.size() ? special.at(number) : fmt::format("r{}", number);
}

std::string immediate(std::uint16_t value) {
    return value < 10 ? fmt::format("#{}", value) : fmt::format("#0x{:x}", value);
}

/// Reads the words of an instruction one after the other.
class Text {
  public:
    Text(const Memory& memory, std::uint16_t address) : memory_(memory), address_(address) {}

    std::uint16_t take() {
        const std::uint16_t word = memory_.word(address_);
        address_ = static_cast<std::uint16_t>(address_ + 2);
        return word;
    }
    /// @param mode 0 to 3: register, indexed, indirect, with increment
    std::string operand(unsigned mode, unsigned number, bool byte) {
        if (number == reg::cg || (number == reg::sr && mode >= 2)) {
            return constant(mode, number, byte);
        }
        switch (mode) {
        case 0:
            return register_name(number);
        case 1:
            return offset(number);
        case 2:
            return "@" + register_name(number);
        default:
            return number == reg::pc ? immediate(take()) : "@" + register_name(number) + "+";
        }
    }
    /// Of two-operand instructions: there is no constant.
    std::string destination(bool in_memory, unsigned number) {
        if (!in_memory) {
            return register_name(number);
        }
        return number == reg::cg ? fmt::format("&0x{:04x}", take()) : offset(number);
    }
    [[nodiscard]] std::uint16_t address() const { return address_; }

  private:
    static std::string constant(unsigned mode, unsigned number, bool byte) {
        if (number == reg::sr) {
            return mode == 2 ? "#4" : "#8";
        }
        constexpr std::array<const char*, 3> generated = {"#0", "#1", "#2"};
        return mode < 3 ? generated.at(mode) : byte ? "#0xff" : "#0xffff";
    }
    std::string offset(unsigned number) {
        const std::uint16_t from = address_;
        const std::uint16_t value = take();
        if (number == reg::pc) {
            return fmt::format("0x{:04x}", static_cast<std::uint16_t>(from + value));
        }
        if (number == reg::sr) {
            return fmt::format("&0x{:04x}", value);
        }
        return value < 0x8000 ? fmt::format("{}({})", value, register_name(number))
                              : fmt::format("-{}({})", 0x10000 - value, register_name(number));
    }

    const Memory& memory_;
    std::uint16_t address_;
};

std::string jump(std::uint16_t opcode, std::uint16_t next) {
    const unsigned distance = 2U * (opcode & 0x3FFU);
    const auto target = static_cast<std::uint16_t>(next + distance - (distance & 0x400U) * 2);
    return fmt::format("{} 0x{:04x}", jump_names.at(opcode >> 10U & 7U), target);
}

std::string one_operand(std::uint16_t opcode, Text& text) {
    const unsigned operation = opcode >> 7U & 7U;
    if (operation == single_names.size()) {
        const unsigned number = opcode & 0xFU;
        return number < sancus_names.size() ? fmt::format("sancus.{}", sancus_names.at(number))
                                            : fmt::format(".word 0x{:04x}", opcode);
    }
    const std::string name = single_names.at(operation);
    if (name == "reti") {
        return name;
    }
    const bool has_bytes = name == "rrc" || name == "rra" || name == "push";
    const bool byte = has_bytes && (opcode & 0x40U) != 0;
    return fmt::format(
        "{}{} {}", name, byte ? ".b" : "", text.operand(opcode >> 4U & 3U, opcode & 0xFU, byte));
}

/// The names that programmers know some instructions by; empty: it has none.
std::string emulated(const std::string& name, const std::string& from, const std::string& to) {
    if (name == "mov" && to == "pc") {
        return from == "@sp+" ? "ret" : "br " + from;
    }
    if (name == "mov" && from == "#0") {
        return to == "cg" ? "nop" : "clr " + to;
    }
    if (name == "mov" && from == "@sp+") {
        return "pop " + to;
    }
    if (to == "sr" && from == "#8" && (name == "bic" || name == "bis")) {
        return name == "bic" ? "dint" : "eint";
    }
    return {};
}

std::string two_operands(std::uint16_t opcode, Text& text) {
    const std::string name = double_names.at((opcode >> 12U) - 4U);
    const bool byte = (opcode & 0x40U) != 0;
    const std::string from = text.operand(opcode >> 4U & 3U, opcode >> 8U & 0xFU, byte);
    const std::string to = text.destination((opcode & 0x80U) != 0, opcode & 0xFU);
    const std::string known = byte ? std::string() : emulated(name, from, to);
    return known.empty() ? fmt::format("{}{} {}, {}", name, byte ? ".b" : "", from, to) : known;
}

} // namespace

std::string disassemble(const Memory& memory, std::uint16_t address) {
    Text text(memory, address);
    const std::uint16_t opcode = text.take();
    if (opcode >= 0x4000) {
        return two_operands(opcode, text);
    }
    return opcode >= 0x2000 ? jump(opcode, text.address()) : one_operand(opcode, text);
}

} // namespace authex::sancus_emulator
