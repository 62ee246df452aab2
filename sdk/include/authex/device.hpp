#pragma once
// What a driver module has beside <authex/module.hpp>: the registers of its device, and its
// interrupt.
//
//     AUTHEX_INTERRUPT(button, interrupt) {
//         if (interrupt.starts()) { authex_device_write8(authex::port::interrupt_enable,
//         authex::pins); } if (interrupt.flags() & authex::pins) { pressed(); }
//     }

#include <authex/device.h>
#include <authex/module.hpp>

namespace authex {

#ifdef AUTHEX_DEVICE
/// First register of what `devices:` gives to this module in the descriptor.
constexpr std::uint16_t device = AUTHEX_DEVICE;
/// Pins of the port that these are on; 0: on none.
constexpr std::uint8_t pins = AUTHEX_DEVICE_PINS;

/// Registers of a port with interrupts, a byte each. (openMSP430 users' guide, "GPIO")
namespace port {
constexpr std::uint16_t in = device;
constexpr std::uint16_t out = device + 1;
constexpr std::uint16_t direction = device + 2; ///< 1: output
constexpr std::uint16_t interrupt_flags = device + 3;
constexpr std::uint16_t interrupt_edge = device + 4; ///< 0: rising
constexpr std::uint16_t interrupt_enable = device + 5;
} // namespace port
#endif

/// Only the device's own hardware makes one, and the start of the module.
struct Interrupt {
    ByteView data;
    std::uint8_t what;
    /// The module begins: the device is to be set up.
    [[nodiscard]] bool starts() const { return (what & AUTHEX_INTERRUPT_START) != 0; }
    /// The device's flags that were set since the last time.
    [[nodiscard]] std::uint8_t flags() const {
        return (what & AUTHEX_INTERRUPT_RAISED) != 0 ? data[0] : std::uint8_t{0};
    }
};

} // namespace authex

#define AUTHEX_INTERRUPT(name, interrupt)                                                          \
    static void authex_on_##name(const authex::Interrupt& interrupt);                              \
    AUTHEX_RECORD(name, AUTHEX_KIND_INTERRUPT, [](authex_message* authex_m) {                      \
        authex_on_##name({{authex_m->data, authex_m->size}, authex_m->what});                      \
    });                                                                                            \
    static void authex_on_##name([[maybe_unused]] const authex::Interrupt& interrupt)
