#include "sancus_emulator/gdb/target.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace authex::sancus_emulator::gdb {
namespace {

bool is_device(std::size_t address) {
    return address < MemoryMap::peripherals_end;
}

bool is_there(const MemoryMap& map, std::size_t address) {
    return address < address_space &&
           (is_device(address) || map.is_data(static_cast<std::uint16_t>(address)) ||
            map.is_program(static_cast<std::uint16_t>(address)));
}

std::string describe_registers() {
    constexpr std::array<const char*, 4> special = {"pc", "sp", "sr", "cg"};
    constexpr std::array<const char*, 4> types = {"code_ptr", "data_ptr", "uint32", "uint32"};
    std::string text = "<?xml version=\"1.0\"?>\n"
                       "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                       "<target version=\"1.0\">\n"
                       "  <architecture>msp430</architecture>\n"
                       "  <feature name=\"org.gnu.gdb.msp430.cpu\">\n";
    for (unsigned number = 0; number < registers; ++number) {
        text +=
            fmt::format("    <reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"/>\n",
                        number < special.size() ? special.at(number) : fmt::format("r{}", number),
                        8 * register_bytes,
                        number < types.size() ? types.at(number) : "uint32",
                        number);
    }
    return text + "  </feature>\n</target>\n";
}

} // namespace

std::uint16_t read_register(const Core& core, unsigned number) {
    return number == reg::cg ? core.generator : core.r.at(number);
}

void write_register(Core& core, unsigned number, std::uint16_t value) {
    std::uint16_t& target = core.r.at(number);
    switch (number) {
    case reg::pc:
        if (target != (value & 0xFFFEU)) {
            target = value & 0xFFFEU;
            core.bad_fetch.reset();
            core.come_from(core.enclaves.text_of(target));
        }
        break;
    case reg::sp:
        target = value & 0xFFFEU;
        break;
    case reg::sr:
        target =
            static_cast<std::uint16_t>((target & ~status::writable) | (value & status::writable));
        break;
    case reg::cg:
        core.generator = value;
        break;
    default:
        target = value;
        break;
    }
}

std::vector<std::uint8_t> read_memory(Machine& machine, std::uint16_t address, std::size_t size) {
    const Core& core = machine.core();
    // What devices have come to when the next instruction begins (Machine::run).
    const std::uint64_t cycle = core.cycle == 0 ? 0 : core.cycle - 1;
    const std::size_t end = std::min(address + size, address_space);
    std::vector<std::uint8_t> bytes;
    bytes.reserve(end - address);
    for (std::size_t at = address; at < end; ++at) {
        if (is_device(at)) {
            const std::uint16_t word =
                machine.devices().peek(static_cast<std::uint16_t>(at & 0xFFFEU), cycle);
            bytes.push_back(static_cast<std::uint8_t>(at % 2 == 0 ? word : word >> 8U));
        } else {
            bytes.push_back(is_there(core.map, at) ? core.memory.bytes.at(at) : std::uint8_t{0});
        }
    }
    return bytes;
}

bool write_memory(Machine& machine, std::uint16_t address, ByteView bytes) {
    Core& core = machine.core();
    for (std::size_t index = 0; index < bytes.size(); ++index) {
        if (!is_there(core.map, address + index)) {
            return false;
        }
    }
    std::size_t index = 0;
    while (index < bytes.size()) {
        const auto at = static_cast<std::uint16_t>(address + index);
        const bool word = at % 2 == 0 && index + 1 < bytes.size();
        if (is_device(at)) {
            const unsigned high = word ? bytes[index + 1] : bytes[index];
            const unsigned mask = word ? 0xFFFFU : at % 2 == 0 ? 0x00FFU : 0xFF00U;
            machine.devices().write(at & 0xFFFEU,
                                    static_cast<std::uint16_t>(bytes[index] | high << 8U),
                                    static_cast<std::uint16_t>(mask),
                                    core.cycle);
            index += word ? 2 : 1;
        } else {
            core.memory.bytes.at(at) = bytes[index];
            core.forget(at);
            ++index;
        }
    }
    return true;
}

const std::string& description() {
    static const std::string text = describe_registers();
    return text;
}

} // namespace authex::sancus_emulator::gdb
