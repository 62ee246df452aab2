#include "base/bytes.hpp"

namespace authex {

void wipe(Bytes secret) {
    __builtin_memset(secret.data(), 0, secret.size());
    asm volatile("" : : "r"(secret.data()) : "memory"); // who reads it, the compiler cannot know
}

bool equal_constant_time(ByteView a, ByteView b) {
    if (a.size() != b.size()) {
        return false;
    }
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    }
    volatile std::uint8_t result = difference;
    return result == 0;
}

void copy(ByteView from, Bytes to) {
    __builtin_memmove(to.data(), from.data(), from.size());
}

} // namespace authex
