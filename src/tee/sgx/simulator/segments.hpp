#pragma once
// The bases of FS and GS, which the processor replaces by the enclave's at EENTER and puts back at
// every exit. (Intel SDM vol. 3D, EENTER, EEXIT)

#include <cstdint>

#include <sys/auxv.h>

namespace authex::tee::sgx {

struct Segments {
    std::uint64_t fs = 0;
    std::uint64_t gs = 0;
};

/// Whether the kernel lets a process do it by itself. (Linux,
/// Documentation/arch/x86/x86_64/fsgs.rst)
inline bool segments_can_be_switched() {
    constexpr unsigned long hwcap2_fsgsbase = 2;
    return (::getauxval(AT_HWCAP2) & hwcap2_fsgsbase) != 0;
}

// Thread-local variables of the host lie at FS: between both calls nothing may touch one.
__attribute__((always_inline)) inline Segments read_segments() {
    Segments segments;
    asm volatile("rdfsbase %0\n\trdgsbase %1" : "=r"(segments.fs), "=r"(segments.gs));
    return segments;
}
__attribute__((always_inline)) inline void write_segments(const Segments& segments) {
    asm volatile("wrfsbase %0\n\twrgsbase %1" : : "r"(segments.fs), "r"(segments.gs) : "memory");
}

} // namespace authex::tee::sgx
