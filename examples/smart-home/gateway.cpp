// Knows how everything stands, and hands on what the page wants.
#include <authex/module.hpp>

AUTHEX_OUTPUT(set_lamp);
AUTHEX_OUTPUT(set_target);
AUTHEX_STATE static std::uint16_t temperature;
AUTHEX_STATE static std::uint8_t heating;
AUTHEX_STATE static std::uint8_t lamp;
AUTHEX_STATE static std::uint32_t switched; ///< how often the lamp was

AUTHEX_INPUT(temperature_is, event) {
    temperature = event.reader().u16();
}
AUTHEX_INPUT(heating_is, event) {
    heating = event.reader().u8();
}
AUTHEX_INPUT(lamp_is, event) {
    lamp = event.reader().u8();
    ++switched;
}

/// Temperature in tenths of a degree (i16), heating (u8), lamp (u8), how often it was switched
/// (u32).
AUTHEX_HANDLER(report, request, reply) {
    reply.u16(temperature).u8(heating).u8(lamp).u32(switched);
}

AUTHEX_HANDLER(switch_lamp, request, reply) {
    set_lamp(static_cast<std::uint8_t>(lamp == 0 ? 1 : 0));
}
AUTHEX_HANDLER(choose_target, request, reply) {
    authex::Reader reader = request.reader();
    const std::uint16_t target = reader.u16();
    if (!reader.done()) {
        request.fail();
        return;
    }
    set_target(target);
}
