// The event manager's loop. It listens while the manager speaks, then works, then says what there
// is to say; between all this it sleeps. (tee/sancus/link/link.hpp: turns)

#include <new>

#include "tee/sancus/firmware/event_manager.hpp"
#include "tee/sancus/firmware/hardware.hpp"

namespace authex::tee::sancus::firmware {
namespace {

alignas(EventManager) std::uint8_t memory[sizeof(EventManager)];

void hear(EventManager& manager) {
    link::BoardLink& link = manager.link();
    if (ring_tail != ring_head) {
        manager.heard();
    }
    while (ring_tail != ring_head) {
        const std::uint8_t tail = ring_tail;
        const std::uint8_t byte = ring[tail];
        ring_tail = static_cast<std::uint8_t>(tail + 1);
        link.receive(byte);
    }
    if (uart::overflowed() || ring_lost != 0) {
        ring_lost = 0;
        link.lost();
    }
}

void follow_time(EventManager& manager) {
    if (timer_rang != 0) {
        timer_rang = 0;
        manager.time_passes();
    }
}

void speak(EventManager& manager) {
    for (std::uint8_t byte = 0; manager.link().next(byte);) {
        uart::send(byte);
        follow_time(manager);
    }
}

[[noreturn]] void serve() {
    EventManager& manager = *new (memory) EventManager;
    link::BoardLink& link = manager.link();
    uart::open();
    for (;;) {
        enable_interrupts();
        hear(manager);
        follow_time(manager);
        if (!link.must_listen()) {
            manager.run();
            enable_interrupts();
            speak(manager);
        }
        if (take_disturbance() != 0) {
            manager.interrupted();
        } else if (ring_tail == ring_head && timer_rang == 0) {
            sleep_until_interrupt();
        }
    }
}

} // namespace
} // namespace authex::tee::sancus::firmware

extern "C" [[noreturn]] int main() {
    authex::tee::sancus::firmware::serve();
}
