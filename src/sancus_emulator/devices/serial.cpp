#include "sancus_emulator/devices/serial.hpp"

#include <algorithm>

namespace authex::sancus_emulator {

std::size_t WaitingBytes::put(ByteView bytes) {
    const std::size_t fit = std::min(bytes.size(), limit - bytes_.size());
    const ByteView taken = bytes.first(fit);
    bytes_.insert(bytes_.end(), taken.begin(), taken.end());
    return fit;
}

std::uint8_t WaitingBytes::take() {
    const std::uint8_t byte = bytes_.front();
    bytes_.pop_front();
    return byte;
}

void WaitingBytes::save(Writer& writer) const {
    writer.u16(static_cast<std::uint16_t>(bytes_.size()));
    for (const std::uint8_t byte : bytes_) {
        writer.u8(byte);
    }
}

void WaitingBytes::load(Reader& reader) {
    const ByteView saved = reader.take(reader.u16());
    bytes_.clear();
    put(saved);
}

} // namespace authex::sancus_emulator
