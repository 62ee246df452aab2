// The C functions that only read, which modules and BearSSL's TLS call.
#include <cstddef>
#include <cstdint>

extern "C" {

int memcmp(const void* a, const void* b, std::size_t count) {
    const auto* const left = static_cast<const std::uint8_t*>(a);
    const auto* const right = static_cast<const std::uint8_t*>(b);
    for (std::size_t i = 0; i < count; ++i) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (*const_cast<const volatile char*>(text + length) != '\0') {
        ++length;
    }
    return length;
}
}
