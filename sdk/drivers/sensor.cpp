// Driver of an analogue sensor: what it says was measured.
//
//   soil: { node: …, driver: sensor, devices: [soil] }
//
//   input ask      measures, and says it
//   entry sample   the same; for `periodic:`. Anybody may call it, since what it says is true at
//   any time output value   i16: temperature in hundredths of a degree, light in lux, soil in
//   percent of moisture handler read   i16: the same, for modules that send requests
#include <authex/device.hpp>

AUTHEX_OUTPUT(value);

AUTHEX_INPUT(ask, event) {
    value(authex_device_read16(authex::device));
}

AUTHEX_ENTRY(sample, call) {
    value(authex_device_read16(authex::device));
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u16(authex_device_read16(authex::device));
}
