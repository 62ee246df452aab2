// The second version: energy in watt-hours, of which a pulse is ten, and the highest number of
// pulses that came in one message. What the first one has counted is taken over.
#include <authex/module.hpp>

constexpr std::uint32_t watt_hours_of_a_pulse = 10;

AUTHEX_STATE static std::uint64_t watt_hours;
AUTHEX_STATE static std::uint32_t largest;

AUTHEX_MIGRATE(2, old) {
    const auto pulses = old.number<std::uint64_t>();
    if (!old.is("pulses") || !pulses) {
        return false;
    }
    watt_hours = *pulses * watt_hours_of_a_pulse;
    return true;
}

AUTHEX_INPUT(pulse, event) {
    const std::uint32_t pulses = event.data.empty() ? 1 : event.reader().u8();
    largest = pulses > largest ? pulses : largest;
    watt_hours += std::uint64_t{pulses} * watt_hours_of_a_pulse;
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u32(static_cast<std::uint32_t>(watt_hours));
}
