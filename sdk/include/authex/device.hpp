#pragma once
// What a driver module has beside <authex/module.hpp>: the registers of its device, and its
// interrupt.
//
//     AUTHEX_INTERRUPT(button, interrupt) {
//         if (interrupt.starts()) { authex_device_write8(P1IE, 1); }
//         if (interrupt.flags() & 1) { pressed(); }
//     }

#include <authex/device.h>
#include <authex/module.hpp>

namespace authex {

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
