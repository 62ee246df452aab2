#include "sancus_emulator/devices/multiplier.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t base = 0x0130;
constexpr std::uint16_t operand2 = 0x0138;
constexpr std::uint16_t result_low = 0x013A;
constexpr std::uint16_t result_high = 0x013C;
constexpr std::uint16_t extension = 0x013E;

} // namespace

bool Multiplier::has(std::uint16_t address) const {
    return address >= base && address <= extension;
}

std::uint16_t Multiplier::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    switch (address) {
    case operand2:
        return second_;
    case result_low:
        return static_cast<std::uint16_t>(result_);
    case result_high:
        return static_cast<std::uint16_t>(result_ >> 16U);
    case extension:
        return extension_;
    default:
        return first_;
    }
}

void Multiplier::write(std::uint16_t address,
                       std::uint16_t value,
                       std::uint16_t mask,
                       std::uint64_t cycle) {
    (void)mask;
    (void)cycle;
    switch (address) {
    case operand2:
        multiply(value);
        return;
    case result_low:
        result_ = (result_ & 0xFFFF0000U) | value;
        return;
    case result_high:
        result_ = (result_ & 0xFFFFU) | static_cast<std::uint32_t>(value) << 16U;
        return;
    case extension:
        return;
    default:
        first_ = value;
        signed_ = (address & 2U) != 0;
        accumulates_ = (address & 4U) != 0;
        return;
    }
}

void Multiplier::multiply(std::uint16_t factor) {
    second_ = factor;
    if (!accumulates_) {
        result_ = 0;
    }
    const std::uint32_t product =
        signed_ ? static_cast<std::uint32_t>(static_cast<std::int16_t>(first_) *
                                             static_cast<std::int16_t>(second_))
                : static_cast<std::uint32_t>(first_) * second_;
    const std::uint64_t sum = std::uint64_t{result_} + product;
    result_ = static_cast<std::uint32_t>(sum);
    const bool negative = (result_ >> 31U) != 0;
    if (signed_) {
        extension_ = negative ? 0xFFFF : 0;
    } else {
        extension_ = static_cast<std::uint16_t>(sum >> 32U);
    }
}

void Multiplier::reset(std::uint64_t cycle) {
    (void)cycle;
    *this = Multiplier{};
}

void Multiplier::save(Writer& writer) const {
    writer.u16(first_)
        .u16(second_)
        .u8(signed_ ? 1 : 0)
        .u8(accumulates_ ? 1 : 0)
        .u32(result_)
        .u16(extension_);
}

void Multiplier::load(Reader& reader) {
    first_ = reader.u16();
    second_ = reader.u16();
    signed_ = reader.u8() != 0;
    accumulates_ = reader.u8() != 0;
    result_ = reader.u32();
    extension_ = reader.u16();
}

} // namespace authex::sancus_emulator
