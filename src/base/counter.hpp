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
}
/// To any address, aligned or not; little-endian.
[[gnu::noinline]] inline void store(const std::uint64_t& counter, void* to) {
    __builtin_memcpy(to, detail::unknown(&counter), detail::unknown(sizeof counter));
}
inline void assign(std::uint64_t& to, const std::uint64_t& from) {
    store(from, &to);
}
/// `to` becomes the counter after `from`.
[[gnu::noinline]] inline void assign_next(std::uint64_t& to, const std::uint64_t& from) {
    auto* word = reinterpret_cast<detail::Word*>(detail::unknown(&to));
    store(from, word);
    for (unsigned i = detail::unknown(detail::counter_words); i > 0 && ++*word == 0; --i) {
        ++word;
    }
}

#else

[[nodiscard]] inline bool below(const std::uint64_t& a, const std::uint64_t& b) {
    return a < b;
}
/// To any address, aligned or not; little-endian.
inline void store(const std::uint64_t& counter, void* to) {
    __builtin_memcpy(to, &counter, sizeof counter);
}
inline void assign(std::uint64_t& to, const std::uint64_t& from) {
    to = from;
}
/// `to` becomes the counter after `from`.
inline void assign_next(std::uint64_t& to, const std::uint64_t& from) {
    to = from + 1;
}

#endif

} // namespace authex
