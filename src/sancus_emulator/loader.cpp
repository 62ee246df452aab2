#include "sancus_emulator/loader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sancus_emulator/loader_formats.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t reset_vector = vector::address(vector::reset);

bool fits(const MemoryMap& map, const Segment& segment) {
    const std::uint32_t end = segment.address + static_cast<std::uint32_t>(segment.bytes.size());
    const bool in_data =
        segment.address >= map.data_start && end <= map.data_start + map.data_bytes;
    return in_data || segment.address >= map.program_start;
}

bool brings_reset_vector(const Firmware& firmware) {
    return std::any_of(
        firmware.segments.begin(), firmware.segments.end(), [](const Segment& segment) {
            return segment.address <= reset_vector &&
                   segment.address + segment.bytes.size() > reset_vector + 1U;
        });
}

} // namespace

Expected<Firmware> read_firmware(ByteView content, const std::string& file) {
    constexpr std::array<std::uint8_t, 4> elf_magic = {0x7F, 'E', 'L', 'F'};
    const auto blank = [](std::uint8_t byte) { return byte == '\r' || byte == '\n'; };
    const auto first = std::find_if_not(content.begin(), content.end(), blank);
    Expected<Firmware> firmware = Firmware{};
    if (content.size() >= elf_magic.size() &&
        std::equal(elf_magic.begin(), elf_magic.end(), content.begin())) {
        firmware = read_elf(content, file);
    } else if (first != content.end() && *first == ':') {
        firmware = read_intel_hex(content, file);
    } else {
        return failure("firmware-unknown",
                       file + " is neither an ELF file nor Intel HEX",
                       "give the linked program, or one made by `objcopy -O ihex`");
    }
    if (firmware && firmware->segments.empty()) {
        return failure("firmware-empty", file + " has nothing to load", "link a program");
    }
    return firmware;
}

Expected<bool> load_firmware(Machine& machine, const Firmware& firmware) {
    const MemoryMap& map = machine.core().map;
    for (const Segment& segment : firmware.segments) {
        if (!fits(map, segment)) {
            return failure(
                "firmware-outside",
                fmt::format("the program has bytes at 0x{:04x}–0x{:04x}, where the board has no "
                            "memory",
                            segment.address,
                            segment.address + segment.bytes.size() - 1),
                fmt::format("memory is at 0x{:04x}–0x{:04x} and 0x{:04x}–0xffff: link for it, or "
                            "choose another board",
                            map.data_start,
                            map.data_start + map.data_bytes - 1,
                            map.program_start));
        }
    }
    for (const Segment& segment : firmware.segments) {
        machine.load(segment.address, segment.bytes);
    }
    if (!brings_reset_vector(firmware)) {
        machine.load(reset_vector, bytes_of(firmware.entry));
    }
    machine.reset();
    return true;
}

} // namespace authex::sancus_emulator
