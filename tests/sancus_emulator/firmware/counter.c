/* An enclave that counts for the enclave that called it first, and for nobody else. */
#include <stdint.h>

#define SM_TEXT __attribute__((section(".sm.counter.text")))
#define SM_DATA __attribute__((section(".sm.counter.data")))

SM_DATA uint16_t counter_count;
SM_DATA uint16_t counter_owner;

SM_TEXT uint16_t counter_step(uint16_t caller) {
    if (caller == 0 || caller >= 0xFFF0) {
        return 0xFFFF;
    }
    if (counter_owner == 0) {
        counter_owner = caller;
    }
    return caller == counter_owner ? ++counter_count : 0xFFFF;
}
