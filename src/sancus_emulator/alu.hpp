#pragma once
// Results and flags of operations (SLAU049, section 3.4; openMSP430, omsp_alu.v).

#include <cstdint>

#include "sancus_emulator/execute.hpp"

namespace authex::sancus_emulator::alu {

template <bool Byte>
constexpr std::uint16_t mask = Byte ? 0x00FF : 0xFFFF;
template <bool Byte>
constexpr std::uint16_t sign = Byte ? 0x0080 : 0x8000;

constexpr bool sets_flags(Double operation) {
    return operation != Double::mov && operation != Double::bic && operation != Double::bis;
}
constexpr bool writes(Double operation) {
    return operation != Double::cmp && operation != Double::bit;
}

/// Replaces V N Z C in `sr`.
template <bool Byte>
inline void set_flags(std::uint16_t& sr, std::uint16_t result, bool carry, bool overflow) {
    const unsigned flags = (carry ? status::carry : 0U) | (result == 0 ? status::zero : 0U) |
                           ((result & sign<Byte>) != 0 ? status::negative : 0U) |
                           (overflow ? status::overflow : 0U);
    sr = static_cast<std::uint16_t>((sr & ~status::flags) | flags);
}

template <bool Byte>
inline std::uint16_t
add(std::uint16_t& sr, std::uint32_t source, std::uint32_t destination, std::uint32_t carry) {
    const std::uint32_t sum = source + destination + carry;
    const auto result = static_cast<std::uint16_t>(sum & mask<Byte>);
    const bool overflow = (~(source ^ destination) & (destination ^ sum) & sign<Byte>) != 0;
    set_flags<Byte>(sr, result, sum > mask<Byte>, overflow);
    return result;
}

/// Digits above 9 go the way of the hardware: the carry is bit 4 of a digit's corrected sum.
template <bool Byte>
inline std::uint16_t dadd(std::uint16_t& sr, std::uint32_t source, std::uint32_t destination) {
    std::uint32_t result = 0;
    std::uint32_t carry = sr & status::carry;
    for (unsigned shift = 0; shift < (Byte ? 8U : 16U); shift += 4) {
        std::uint32_t digit = ((source >> shift) & 0xFU) + ((destination >> shift) & 0xFU) + carry;
        digit += digit >= 10 ? 6U : 0U;
        carry = (digit >> 4U) & 1U;
        result |= (digit & 0xFU) << shift;
    }
    const bool overflow = (~(source ^ destination) & (destination ^ result) & sign<Byte>) != 0;
    set_flags<Byte>(sr, static_cast<std::uint16_t>(result), carry != 0, overflow);
    return static_cast<std::uint16_t>(result);
}

/// @param s, d at most mask<Byte>. @return the result, at most mask<Byte>
template <Double Operation, bool Byte>
inline std::uint16_t apply(std::uint16_t& sr, std::uint16_t s, std::uint16_t d) {
    const auto inverted = static_cast<std::uint16_t>(~s & mask<Byte>);
    const std::uint32_t carry = sr & status::carry;
    switch (Operation) {
    case Double::mov:
        return s;
    case Double::add:
        return add<Byte>(sr, s, d, 0);
    case Double::addc:
        return add<Byte>(sr, s, d, carry);
    case Double::subc:
        return add<Byte>(sr, inverted, d, carry);
    case Double::sub:
    case Double::cmp:
        return add<Byte>(sr, inverted, d, 1);
    case Double::dadd:
        return dadd<Byte>(sr, s, d);
    case Double::bic:
        return d & inverted;
    case Double::bis:
        return d | s;
    case Double::bit:
    case Double::and_: {
        const std::uint16_t result = d & s;
        set_flags<Byte>(sr, result, result != 0, false);
        return result;
    }
    case Double::xor_: {
        const std::uint16_t result = d ^ s;
        set_flags<Byte>(sr, result, result != 0, (d & s & sign<Byte>) != 0);
        return result;
    }
    }
    return d;
}

/// rrc, swpb, rra, sxt.
template <Single Operation, bool Byte>
inline std::uint16_t apply(std::uint16_t& sr, std::uint16_t value) {
    if constexpr (Operation == Single::swpb) {
        return static_cast<std::uint16_t>(value << 8U | value >> 8U);
    } else if constexpr (Operation == Single::sxt) {
        const auto result =
            static_cast<std::uint16_t>((value & 0x80U) != 0 ? value | 0xFF00U : value & 0x00FFU);
        set_flags<false>(sr, result, result != 0, false);
        return result;
    } else {
        const bool top =
            Operation == Single::rrc ? (sr & status::carry) != 0 : (value & sign<Byte>) != 0;
        const auto result =
            static_cast<std::uint16_t>((value & mask<Byte>) >> 1U | (top ? sign<Byte> : 0U));
        set_flags<Byte>(sr, result, (value & 1U) != 0, false);
        return result;
    }
}

} // namespace authex::sancus_emulator::alu
