// What the runtime needs of a Sancus enclave.                    (entry.S; crypto/hardware.hpp)
#include <authex/device.h>

#include "crypto/hardware.hpp"
#include "runtime/runtime.hpp"

namespace authex::tee::sancus {
namespace {

extern "C" {
extern const std::uint8_t authex_text_begin[];
extern const std::uint8_t authex_text_end[];
extern const std::uint8_t authex_data_begin[];
extern const std::uint8_t authex_data_end[];
/// Whether hardware measures the gate as it was built, and knows this module by the number that the
/// gate answers to.
bool authex_gate_is_ours();
}

/// Nobody reads it: it is measured. (builder.cpp)
[[gnu::used, gnu::section(".entry.placed.name")]] const std::uint8_t name[] = {AUTHEX_MODULE_NAME};

constinit runtime::Runtime instance;
#if AUTHEX_WITH_INTERRUPTS
bool started;
#endif

/// Whether a buffer of the caller lies wholly outside of what lies from `begin` to before `end`.
bool apart(const std::uint8_t* buffer,
           std::size_t bytes,
           const std::uint8_t* begin,
           const std::uint8_t* end) {
    const std::uint8_t* last = buffer + bytes;
    return buffer <= last && (last <= begin || buffer >= end);
}

bool outside(const std::uint8_t* buffer, std::size_t bytes) {
    return apart(buffer, bytes, authex_text_begin, authex_text_end) &&
           apart(buffer, bytes, authex_data_begin, authex_data_end);
}

struct Answer {
    runtime::Progress progress;
    std::uint16_t error;
};

/// Before each call. @error unsupported: a driver whose gate is not its own
Error begin() {
#if AUTHEX_WITH_INTERRUPTS
    if (!started) {
        if (!authex_gate_is_ours()) {
            return Error::unsupported;
        }
        started = true;
        instance.interrupt(AUTHEX_INTERRUPT_START, 0);
    }
#endif
    return Error::none;
}

} // namespace

extern "C" {

/// What entry.S gives back to the caller. It lies where the gate puts its registers, too: only what
/// is written last stays.
extern Answer authex_answer;

/// A call of the module, in its own memory and on its own stack.
void authex_invoke(const std::uint8_t* in,
                   std::size_t in_bytes,
                   std::uint8_t* out,
                   std::size_t out_bytes) {
    runtime::Progress progress;
    Error error = Error::outside;
    if (outside(in, in_bytes) && outside(out, out_bytes)) {
        error = begin();
    }
    if (error == Error::none) {
        progress = instance.invoke({in, in_bytes}, {out, out_bytes});
    }
    authex_answer = {.progress = progress, .error = static_cast<std::uint16_t>(error)};
}

/// An interrupt whose vector is the module: its own device's, or one that the node makes up by
/// pointing another there. The device's own flags say which.
void authex_interrupted() {
#if AUTHEX_WITH_INTERRUPTS
    if (started) {
        const auto flags = static_cast<std::uint8_t>(
            authex_device(AUTHEX_DEVICE_TAKE8, AUTHEX_INTERRUPT_FLAGS, 0));
        if (flags != 0) {
            instance.interrupt(AUTHEX_INTERRUPT_RAISED, flags);
        }
    }
#endif
}

} // extern "C"

} // namespace authex::tee::sancus

namespace authex::crypto {

/// A device that gives other bits at each read; what is read where the board has none is the same
/// each time.
void hardware::random(std::uint8_t* out) {
    auto* words = reinterpret_cast<std::uint16_t*>(out);
    for (unsigned i = 0; i < 4; ++i) {
        words[i] = *reinterpret_cast<const volatile std::uint16_t*>(AUTHEX_RANDOM_DEVICE);
    }
}

} // namespace authex::crypto
