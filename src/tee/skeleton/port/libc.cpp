// The handful of C functions that the compiler and BearSSL's object code call.
#include <cstddef>
#include <cstdint>

extern "C" {

void* memmove(void* to, const void* from, std::size_t count) {
    auto* const out = static_cast<std::uint8_t*>(to);
    const auto* const in = static_cast<const std::uint8_t*>(from);
    // An overlap from behind is copied forwards, one from before backwards.
    if (reinterpret_cast<std::uintptr_t>(out) < reinterpret_cast<std::uintptr_t>(in)) {
        for (std::size_t i = 0; i < count; ++i) {
            out[i] = in[i];
        }
    } else {
        for (std::size_t i = count; i > 0; --i) {
            out[i - 1] = in[i - 1];
        }
    }
    return to;
}

void* memcpy(void* to, const void* from, std::size_t count) {
    return memmove(to, from, count);
}

void* memset(void* to, int value, std::size_t count) {
    auto* const out = static_cast<std::uint8_t*>(to);
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = static_cast<std::uint8_t>(value);
    }
    return to;
}

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
    while (text[length] != '\0') {
        ++length;
    }
    return length;
}

[[noreturn]] void __stack_chk_fail() {
    __builtin_trap();
}

void* __memcpy_chk(void* to, const void* from, std::size_t count, std::size_t room) {
    if (count > room) {
        __stack_chk_fail();
    }
    return memcpy(to, from, count);
}

void* __memmove_chk(void* to, const void* from, std::size_t count, std::size_t room) {
    if (count > room) {
        __stack_chk_fail();
    }
    return memmove(to, from, count);
}

void* __memset_chk(void* to, int value, std::size_t count, std::size_t room) {
    if (count > room) {
        __stack_chk_fail();
    }
    return memset(to, value, count);
}
}
