#include "sancus_emulator/devices/timestamp.hpp"

namespace authex::sancus_emulator {

bool Timestamp::has(std::uint16_t address) const {
    return address >= base_ && address < base_ + 8;
}

std::uint16_t Timestamp::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    return static_cast<std::uint16_t>(snapshot_ >> (8U * (address - base_)));
}

void Timestamp::write(std::uint16_t address,
                      std::uint16_t value,
                      std::uint16_t mask,
                      std::uint64_t cycle) {
    (void)address;
    (void)value;
    (void)mask;
    // `cycle` is the first that sees the write; the counter is latched one before.
    snapshot_ = cycle > start_ ? cycle - 1 - start_ : 0;
}

void Timestamp::reset(std::uint64_t cycle) {
    start_ = cycle;
    snapshot_ = 0;
}

void Timestamp::save(Writer& writer) const {
    writer.u64(start_).u64(snapshot_);
}

void Timestamp::load(Reader& reader) {
    start_ = reader.u64();
    snapshot_ = reader.u64();
}

} // namespace authex::sancus_emulator
