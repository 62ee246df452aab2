// Any bytes have an answer from the loader: a program or an error. A program fits into the address
// space, has names for all addresses, and is loaded whole or not at all.
#include "sancus_emulator/loader.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex::sancus_emulator;
    const auto firmware = read_firmware({data, size}, "fuzz");
    if (!firmware) {
        return 0;
    }
    for (const Segment& segment : firmware->segments) {
        if (segment.bytes.empty() || segment.address + segment.bytes.size() > address_space) {
            std::abort();
        }
        (void)place(firmware->symbols, segment.address);
    }
    static Machine machine(Configuration{}, {});
    if (load_firmware(machine, *firmware)) {
        const Segment& last = firmware->segments.back();
        for (std::size_t i = 0; i < last.bytes.size(); ++i) {
            const bool is_vector = last.address + i >= 0xFFFE;
            if (!is_vector && machine.core().memory.bytes[last.address + i] != last.bytes[i]) {
                std::abort();
            }
        }
    }
    return 0;
}
