#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

Expected<bool> Device::input(std::string_view value, std::uint64_t cycle) {
    (void)value;
    (void)cycle;
    return failure("input-unknown", "this device takes no input");
}

} // namespace authex::sancus_emulator
