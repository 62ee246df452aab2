#pragma once
// 64-bit counters by reference: an instruction each, but calls that go word by word where registers
// have 16 bits and each operation would be a dozen instructions in every place.

#include <cstdint>

namespace authex {

#ifndef AUTHEX_NARROW_COUNTERS
#define AUTHEX_NARROW_COUNTERS (UINTPTR_MAX == 0xFFFF)
#endif

#if AUTHEX_NARROW_COUNTERS

namespace detail {
using Word [[gnu::may_alias]] = std::uint16_t;
constexpr unsigned counter_words = 4;

/// Keeps the compiler from making values of references again, and from unrolling.
template <typename T>
T unknown(T value) {
    asm("" : "+r"(value));
    return value;
}
} // namespace detail

[[nodiscard, gnu::noinline]] inline bool below(const std::uint64_t& a, const std::uint64_t& b) {
#ifdef __MSP430__
    const std::uint64_t* left = &a;
    const std::uint64_t* right = &b;
    unsigned is_below = 1;
    unsigned word;
    asm("mov @%0+, %3\n\tcmp @%1+, %3\n\t"
        "mov @%0+, %3\n\tsubc @%1+, %3\n\t"
        "mov @%0+, %3\n\tsubc @%1+, %3\n\t"
        "mov @%0+, %3\n\tsubc @%1+, %3\n\t"
        "bic r2, %2" // bit 0 of the status: nothing was borrowed
        : "+r"(left), "+r"(right), "+r"(is_below), "=&r"(word)
        :
        : "memory");
    return (is_below & 1U) != 0;
#else
    const auto* left = reinterpret_cast<const detail::Word*>(detail::unknown(&a + 1));
    const auto* right = reinterpret_cast<const detail::Word*>(detail::unknown(&b + 1));
    for (unsigned i = detail::unknown(detail::counter_words); i > 0; --i) {
        --left;
        --right;
        if (*left != *right) {
            return *left < *right;
        }
    }
    return false;
#endif
}
namespace detail {
[[gnu::noinline]] inline void copy_counter(void* to, const void* from) {
    __builtin_memcpy(to, unknown(from), unknown(sizeof(std::uint64_t)));
}
} // namespace detail

/// To any address, aligned or not; little-endian.
inline void store(void* to, const std::uint64_t& counter) {
    detail::copy_counter(to, &counter);
}
/// From any address.
inline void load(std::uint64_t& counter, const void* from) {
    detail::copy_counter(&counter, from);
}
inline void assign(std::uint64_t& to, const std::uint64_t& from) {
    store(&to, from);
}
/// `counter` becomes the one after it.
[[gnu::noinline]] inline void advance(std::uint64_t& counter) {
    auto* word = reinterpret_cast<detail::Word*>(detail::unknown(&counter));
#ifdef __MSP430__
    asm volatile("inc 0(%0)\n\tadc 2(%0)\n\tadc 4(%0)\n\tadc 6(%0)" : : "r"(word) : "memory");
#else
    for (unsigned i = detail::unknown(detail::counter_words); i > 0 && ++*word == 0; --i) {
        ++word;
    }
#endif
}

#else

[[nodiscard]] inline bool below(const std::uint64_t& a, const std::uint64_t& b) {
    return a < b;
}
/// To any address, aligned or not; little-endian.
inline void store(void* to, const std::uint64_t& counter) {
    __builtin_memcpy(to, &counter, sizeof counter);
}
/// From any address.
inline void load(std::uint64_t& counter, const void* from) {
    __builtin_memcpy(&counter, from, sizeof counter);
}
inline void assign(std::uint64_t& to, const std::uint64_t& from) {
    to = from;
}
/// `counter` becomes the one after it.
inline void advance(std::uint64_t& counter) {
    ++counter;
}

#endif

/// `to` becomes the counter after `from`.
inline void assign_next(std::uint64_t& to, const std::uint64_t& from) {
    assign(to, from);
    advance(to);
}

} // namespace authex
