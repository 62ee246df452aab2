#include "sancus_emulator/devices/file_io.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t registers_bytes = 4;
constexpr std::uint16_t status_word = 0;
constexpr std::uint16_t data = 2;
constexpr std::uint16_t nothing = 0xAB;

} // namespace

bool FileIo::has(std::uint16_t address) const {
    return address >= base_ && address < base_ + registers_bytes;
}

std::uint16_t FileIo::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    if (address - base_ == status_word) {
        return waiting_.empty() ? 0 : 1;
    }
    return waiting_.empty() ? nothing : waiting_.take();
}

void FileIo::write(std::uint16_t address,
                   std::uint16_t value,
                   std::uint16_t mask,
                   std::uint64_t cycle) {
    if (address - base_ == data && (mask & 0x00FFU) != 0) {
        send(static_cast<std::uint8_t>(value), cycle);
    }
}

std::size_t FileIo::give(ByteView bytes, std::uint64_t cycle) {
    (void)cycle;
    return waiting_.put(bytes);
}

} // namespace authex::sancus_emulator
