// Sends numbered events. `begin` takes how many more (u32), their size in bytes (u16), how many at
// once (u16) and the pause between in µs (u32); `press` sends one more.
#include <authex/module.hpp>

AUTHEX_OUTPUT(numbered);

AUTHEX_STATE static std::uint32_t next;
AUTHEX_STATE static std::uint32_t end;
AUTHEX_STATE static std::uint16_t size;
AUTHEX_STATE static std::uint16_t batch;
AUTHEX_STATE static std::uint32_t pause_us;
AUTHEX_STATE static std::uint8_t event_bytes[16 * 1024];

AUTHEX_TIMER(go_on, timer) {
    for (std::uint16_t i = 0; i < batch && next != end; ++i) {
        authex::Writer(event_bytes).u32(next);
        if (numbered(authex::ByteView(event_bytes).first(size)) != AUTHEX_OK) {
            break;
        }
        ++next;
    }
    if (next != end) {
        go_on.after_us(pause_us);
    }
}

AUTHEX_INPUT(begin, event) {
    authex::Reader reader = event.reader();
    end += reader.u32();
    const std::uint16_t wanted = reader.u16();
    size = wanted < 4 ? 4 : wanted > sizeof event_bytes ? sizeof event_bytes : wanted;
    batch = reader.u16();
    pause_us = reader.u32();
    go_on.after_us(0);
}

/// One more, when somebody presses.
AUTHEX_ENTRY(press, call) {
    ++end;
    size = size < 4 ? 4 : size;
    batch = batch == 0 ? 1 : batch;
    go_on.after_us(0);
}

AUTHEX_HANDLER(sent, request, reply) {
    reply.u32(next);
}
