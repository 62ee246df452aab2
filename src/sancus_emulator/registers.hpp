#pragma once
// Registers of the MSP430 and the bits of its status register (SLAU049, section 3.2), with the two
// that Sancus adds.

#include <cstdint>

namespace authex::sancus_emulator {

namespace reg {
constexpr unsigned pc = 0;
constexpr unsigned sp = 1;
constexpr unsigned sr = 2;
/// The constant generator. Always 0 here, which makes it the base of absolute addresses.
constexpr unsigned cg = 3;
} // namespace reg

namespace status {
constexpr std::uint16_t carry = 0x0001;
constexpr std::uint16_t zero = 0x0002;
constexpr std::uint16_t negative = 0x0004;
constexpr std::uint16_t interrupts = 0x0008; ///< GIE
constexpr std::uint16_t cpu_off = 0x0010;
/// OSCOFF and SCG1: stop ACLK and SMCLK, which timers count.
constexpr std::uint16_t clocks_off = 0x00A0;
constexpr std::uint16_t overflow = 0x0100;
/// A violation has happened since the last interrupt was entered. Set by hardware alone.
constexpr std::uint16_t violation = 0x4000;
/// The last interrupt hit an enclave. Set and cleared by hardware alone.
constexpr std::uint16_t enclave_interrupted = 0x8000;
constexpr std::uint16_t flags = carry | zero | negative | overflow;
/// C Z N GIE CPUOFF OSCOFF SCG1 V: what a program can write.
constexpr std::uint16_t writable = 0x01BF;
} // namespace status

namespace vector {
constexpr unsigned reset = 15;
/// Non-maskable: GIE does not keep it away.
constexpr unsigned nmi = 14;
constexpr unsigned violation = 13;
constexpr unsigned watchdog = 10;
constexpr unsigned timer_a0 = 9;
constexpr unsigned timer_a1 = 8;
constexpr unsigned uart_receive = 7;
constexpr unsigned uart_transmit = 6;
constexpr unsigned port2 = 3;
constexpr unsigned port1 = 2;
/// Where the address of the handler lies.
constexpr std::uint16_t address(unsigned number) {
    return static_cast<std::uint16_t>(0xFFE0U + 2 * number);
}
} // namespace vector

} // namespace authex::sancus_emulator
