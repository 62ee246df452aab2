// Any text has an answer from the reader of boards: a board or findings. The devices of a board can
// be made or clash, and the machine that they make runs.
#include "sancus_emulator/board.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex::sancus_emulator;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto board = parse_board(text, "fuzz.yaml", "/nonexistent");
    if (!board) {
        if (board.error().empty()) {
            std::abort();
        }
        return 0;
    }
    auto devices = make_devices(*board, nullptr, RandomSeed{});
    if (!devices) {
        return 0;
    }
    Machine machine(board->configuration, std::move(devices->devices));
    for (std::uint16_t address = 0; address < MemoryMap::peripherals_end; address += 2) {
        machine.devices().write(address, 0x5A80, 0xFFFF, 1);
        (void)machine.devices().read(address, 2);
    }
    (void)machine.run(100);
    const auto snapshot = machine.snapshot();
    if (!machine.restore(snapshot)) {
        std::abort();
    }
    return 0;
}
