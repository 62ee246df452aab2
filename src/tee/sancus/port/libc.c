/* The C functions that the compiler calls; as short as they can be. */
#include <stddef.h>

void* memmove(void* to, const void* from, size_t count) {
    unsigned char* out = to;
    const unsigned char* in = from;
    if (out <= in) {
        for (; count > 0; --count) {
            *out++ = *in++;
        }
    } else {
        out += count;
        in += count;
        for (; count > 0; --count) {
            *--out = *--in;
        }
    }
    return to;
}

void* memset(void* to, int value, size_t count) {
    unsigned char* out = to;
    for (; count > 0; --count) {
        *out++ = (unsigned char)value;
    }
    return to;
}
