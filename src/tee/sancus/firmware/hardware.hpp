#pragma once
// The microcontroller as the event manager sees it. (docs/sancus-emulator.md: registers; start.S)

#include <cstdint>

#ifndef AUTHEX_UART
#define AUTHEX_UART 0x80
#endif
#ifndef AUTHEX_CLOCK_HZ
#define AUTHEX_CLOCK_HZ 8000000
#endif
#ifndef AUTHEX_BAUD
#define AUTHEX_BAUD 57600
#endif

extern "C" {

/// A call of an enclave. Its layout is known to start.S.
struct Call {
    std::uint16_t entry;
    std::uint16_t operation;
    const std::uint8_t* in;
    std::uint16_t in_bytes;
    std::uint8_t* out;
    std::uint16_t out_bytes;
    std::uint16_t consumed; ///< results from here on
    std::uint16_t produced;
    std::uint16_t error;
};
/// Interrupts are disabled afterwards. @return false: it broke the rules and did not come back
bool enter(Call* call);

struct Layout {
    std::uint16_t vendor_id;
    std::uint16_t text_begin;
    std::uint16_t text_end;
    std::uint16_t data_begin;
    std::uint16_t data_end;
};
/// @return the enclave's number; 0: refused
std::uint16_t protect(const Layout* layout);
/// The enclave whose text is at the address; 0: none.
std::uint16_t enclave_at(std::uint16_t address);
/// Disables interrupts. @return 0: no module has had an interrupt since the last time
std::uint16_t take_disturbance();
/// Enables interrupts, and returns after one that wakes.
void sleep_until_interrupt();

extern const std::uint16_t default_vectors[16];
/// What has come in: written by the interrupt at `ring_head`, read at `ring_tail`.
extern volatile std::uint8_t ring[256];
extern volatile std::uint8_t ring_head;
extern volatile std::uint8_t ring_tail;
extern volatile std::uint8_t ring_lost;
/// Not 0: the timer has reached its alarm.
extern volatile std::uint8_t timer_rang;

/// Addresses, by the linker.
extern char modules_text_begin[];
extern char modules_text_end[];
extern char modules_data_begin[];
extern char modules_data_end[];

} // extern "C"

namespace authex::tee::sancus::firmware {

inline volatile std::uint8_t& byte_at(std::uint16_t address) {
    return *reinterpret_cast<volatile std::uint8_t*>(address);
}
inline volatile std::uint16_t& word_at(std::uint16_t address) {
    return *reinterpret_cast<volatile std::uint16_t*>(address);
}
inline std::uint16_t address_of(const void* pointer) {
    return static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

inline void disable_interrupts() {
    asm volatile("dint\n nop" ::: "memory");
}
inline void enable_interrupts() {
    asm volatile("eint" ::: "memory");
}

namespace uart {

constexpr std::uint16_t control = AUTHEX_UART;
constexpr std::uint16_t status = AUTHEX_UART + 1;
constexpr std::uint16_t baud = AUTHEX_UART + 2;
constexpr std::uint16_t transmit = AUTHEX_UART + 4;
constexpr std::uint8_t on_and_receive_interrupt = 0x11;
constexpr std::uint8_t transmit_interrupt = 0x40;
constexpr std::uint8_t full = 0x08;
constexpr std::uint8_t overflow = 0x20;

inline void open() {
    word_at(baud) = AUTHEX_CLOCK_HZ / AUTHEX_BAUD - 1;
    byte_at(control) = on_and_receive_interrupt;
}
/// Sleeps until there is room for the byte.
inline void send(std::uint8_t byte) {
    disable_interrupts();
    if ((byte_at(status) & full) != 0) {
        byte_at(control) = on_and_receive_interrupt | transmit_interrupt;
        while ((byte_at(status) & full) != 0) {
            sleep_until_interrupt();
            disable_interrupts();
        }
        byte_at(control) = on_and_receive_interrupt;
    }
    byte_at(transmit) = byte;
    enable_interrupts();
}
/// @return whether a byte came before the last one was read
inline bool overflowed() {
    if ((byte_at(status) & overflow) == 0) {
        return false;
    }
    byte_at(status) = overflow;
    return true;
}

} // namespace uart

/// Timer A counts on and on, at an eighth of the core's clock.
namespace timer {

constexpr std::uint16_t control = 0x0160;
constexpr std::uint16_t channel0 = 0x0162;
constexpr std::uint16_t counter = 0x0170;
constexpr std::uint16_t compare0 = 0x0172;
constexpr std::uint16_t counts_per_ms = AUTHEX_CLOCK_HZ / 8000;

inline void start() {
    word_at(control) = 0x02E4; // from SMCLK, by eight, continuous, cleared
}
inline void stop() {
    word_at(control) = 0;
    word_at(channel0) = 0;
}
inline std::uint16_t now() {
    return word_at(counter);
}
inline void alarm_at(std::uint16_t count) {
    word_at(channel0) = 0;
    word_at(compare0) = count;
    word_at(channel0) = 0x0010; // its interrupt
}

} // namespace timer

/// A write without the password resets the microcontroller.
inline void reset() {
    word_at(0x0120) = 0;
}

constexpr std::uint16_t vectors = 0xFFE0;

} // namespace authex::tee::sancus::firmware
