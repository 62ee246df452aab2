// The handful of C functions that the compiler and BearSSL's object code call: those that write.
#include <cstddef>
#include <cstdint>

namespace {

#if defined(__x86_64__)
/// Above this the CPU's own copy is faster than two registers a step.
constexpr std::size_t long_bytes = 512;
#endif

using Block = std::uint64_t __attribute__((vector_size(16), aligned(1), may_alias));

/// Copies `count` ≥ sizeof(T) and ≤ 2·sizeof(T) bytes, all loads before all stores, so that the
/// ranges may overlap.
template <typename T>
void copy_by_ends(std::uint8_t* to, const std::uint8_t* from, std::size_t count) {
    T first;
    T last;
    __builtin_memcpy(&first, from, sizeof(T));
    __builtin_memcpy(&last, from + count - sizeof(T), sizeof(T));
    __builtin_memcpy(to, &first, sizeof(T));
    __builtin_memcpy(to + count - sizeof(T), &last, sizeof(T));
}

/// Copies 0 to 32 bytes; the ranges may overlap.
void copy_short(std::uint8_t* to, const std::uint8_t* from, std::size_t count) {
    if (count >= 16) {
        copy_by_ends<Block>(to, from, count);
    } else if (count >= 8) {
        copy_by_ends<std::uint64_t>(to, from, count);
    } else if (count >= 4) {
        copy_by_ends<std::uint32_t>(to, from, count);
    } else if (count >= 2) {
        copy_by_ends<std::uint16_t>(to, from, count);
    } else if (count == 1) {
        *to = *from;
    }
}

} // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t count) {
    void* const result = to;
#if defined(__x86_64__)
    if (count > long_bytes) {
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        return result;
    }
#endif
    auto* out = static_cast<std::uint8_t*>(to);
    const auto* in = static_cast<const std::uint8_t*>(from);
    for (; count > 32; count -= 32, out += 32, in += 32) {
        copy_by_ends<Block>(out, in, 32);
    }
    copy_short(out, in, count);
    return result;
}

void* memmove(void* to, const void* from, std::size_t count) {
    auto* const out = static_cast<std::uint8_t*>(to);
    const auto* const in = static_cast<const std::uint8_t*>(from);
    if (count <= 32) {
        copy_short(out, in, count);
        return to;
    }
    if (reinterpret_cast<std::uintptr_t>(out) - reinterpret_cast<std::uintptr_t>(in) >= count) {
        return memcpy(to, from, count);
    }
    // `to` lies inside the source: from the back.
    for (; count >= 16; count -= 16) {
        Block block;
        __builtin_memcpy(&block, in + count - 16, 16);
        __builtin_memcpy(out + count - 16, &block, 16);
    }
    copy_short(out, in, count);
    return to;
}

void* memset(void* to, int value, std::size_t count) {
    void* const result = to;
#if defined(__x86_64__)
    asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
#else
    auto* out = static_cast<std::uint8_t*>(to);
    const auto byte = static_cast<std::uint8_t>(value);
    const Block block = Block{} + std::uint64_t{byte} * 0x0101010101010101;
    for (; count >= sizeof block; count -= sizeof block, out += sizeof block) {
        __builtin_memcpy(out, &block, sizeof block);
    }
    for (; count != 0; --count, ++out) {
        *const_cast<volatile std::uint8_t*>(out) = byte;
    }
#endif
    return result;
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
