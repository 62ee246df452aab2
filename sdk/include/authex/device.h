/* The registers of a device that this module alone owns, on TEEs that have such devices (Sancus;
 * the module's `devices:` in the descriptor). An address that is not the device's is refused by
 * hardware: the module fails. For C11 and C++20; <authex/device.hpp> adds the endpoint. */
#ifndef AUTHEX_DEVICE_H
#define AUTHEX_DEVICE_H

#include <stdint.h>

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    AUTHEX_DEVICE_READ8 = 0,
    AUTHEX_DEVICE_WRITE8 = 1,
    AUTHEX_DEVICE_READ16 = 2,
    AUTHEX_DEVICE_WRITE16 = 3,
    AUTHEX_DEVICE_TAKE8 = 4 /* reads a byte and clears it */
};
/* What was read; of a write nothing that means anything. */
uint16_t authex_device(uint16_t operation, uint16_t address, uint16_t value);
/* Writes so many bytes, 1 to AUTHEX_DEVICE_FEED_BYTES, one after another to one register: at the
 * cost of one write. All of `words` is read; low bytes come first. */
enum { AUTHEX_DEVICE_FEED_BYTES = 8 };
void authex_device_feed(uint16_t address,
                        const uint16_t words[AUTHEX_DEVICE_FEED_BYTES / 2],
                        uint16_t bytes);

#ifdef __cplusplus
}
#endif

static inline uint8_t authex_device_read8(uint16_t address) {
    return (uint8_t)authex_device(AUTHEX_DEVICE_READ8, address, 0);
}
static inline void authex_device_write8(uint16_t address, uint8_t value) {
    (void)authex_device(AUTHEX_DEVICE_WRITE8, address, value);
}
static inline uint16_t authex_device_read16(uint16_t address) {
    return authex_device(AUTHEX_DEVICE_READ16, address, 0);
}
static inline void authex_device_write16(uint16_t address, uint16_t value) {
    (void)authex_device(AUTHEX_DEVICE_WRITE16, address, value);
}

#endif
