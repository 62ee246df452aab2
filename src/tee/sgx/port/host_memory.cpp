// Memory of the host, as Intel wants it to be read and written.
//
// Reads: eight aligned bytes at a time. A smaller or misaligned one may go to the host's APIC, if
// it has mapped that there, and bring back stale data of the enclave.                  (Intel,
// "Stale Data Read from Legacy xAPIC", INTEL-SA-00657, CVE-2022-21233) Writes: eight aligned bytes
// at a time, or after VERW has overwritten the processor's buffers, and with fences behind them: a
// smaller one may carry stale data to a device that the host has mapped there.
//                                   (Intel, "Processor MMIO Stale Data Vulnerabilities",
//                                   INTEL-SA-00615, CVE-2022-21166)
// Both begin with LFENCE, so that what was checked of an address is known before it is used.
#include <cstddef>
#include <cstdint>

#include "runtime/port.hpp"

namespace authex::runtime {
namespace {

constexpr std::size_t word_bytes = 8;

std::size_t misalignment(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % word_bytes;
}

void fence() {
    asm volatile("lfence" : : : "memory");
}

/// The eight aligned bytes at `address`, in one read.
std::uint64_t read_word(const std::uint8_t* address) {
    std::uint64_t word = 0;
    asm volatile("movq %1, %0"
                 : "=r"(word)
                 : "m"(*reinterpret_cast<const std::uint64_t*>(address)));
    return word;
}

void write_word(std::uint8_t* address, std::uint64_t word) {
    asm volatile("movq %1, %0" : "=m"(*reinterpret_cast<std::uint64_t*>(address)) : "r"(word));
}

/// Takes `count` bytes from the one at `from` on, which all lie in the same aligned word.
void read_part(const std::uint8_t* from, std::uint8_t* to, std::size_t count) {
    const std::size_t skipped = misalignment(from);
    std::uint64_t word = read_word(from - skipped) >> (8 * skipped);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::uint8_t>(word);
        word >>= 8U;
    }
}

/// Less than a word.
void write_part(const std::uint8_t* from, std::uint8_t* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t selector = 0;
        asm volatile("movw %%ds, %1\n\t"
                     "verw %1\n\t"
                     "movb %2, %0\n\t"
                     "mfence\n\t"
                     "lfence"
                     : "=m"(to[i]), "=m"(selector)
                     : "r"(from[i])
                     : "memory", "cc");
    }
}

std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

/// Bytes before the next aligned word.
std::size_t head_of(const void* address, std::size_t count) {
    return smaller((word_bytes - misalignment(address)) % word_bytes, count);
}

} // namespace

void port::copy_in(ByteView host, Bytes own) {
    fence();
    const std::uint8_t* from = host.data();
    std::uint8_t* to = own.data();
    std::size_t left = host.size();
    const std::size_t head = head_of(from, left);
    if (head != 0) {
        read_part(from, to, head);
    }
    from += head;
    to += head;
    for (left -= head; left >= word_bytes; left -= word_bytes) {
        const std::uint64_t word = read_word(from);
        __builtin_memcpy(to, &word, word_bytes);
        from += word_bytes;
        to += word_bytes;
    }
    if (left != 0) {
        read_part(from, to, left);
    }
    fence();
}

void port::copy_out(ByteView own, Bytes host) {
    fence();
    const std::uint8_t* from = own.data();
    std::uint8_t* to = host.data();
    std::size_t left = own.size();
    const std::size_t head = head_of(to, left);
    write_part(from, to, head);
    from += head;
    to += head;
    for (left -= head; left >= word_bytes; left -= word_bytes) {
        std::uint64_t word = 0;
        __builtin_memcpy(&word, from, word_bytes);
        write_word(to, word);
        from += word_bytes;
        to += word_bytes;
    }
    write_part(from, to, left);
}

} // namespace authex::runtime
