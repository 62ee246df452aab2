// x86-64: which variants the processor carries, and the one with PEXT.
#include "crypto/spongent_planes.hpp"

#if AUTHEX_SPONGENT_X86

#include <cpuid.h>
#include <immintrin.h>

namespace authex::crypto::spongent {
namespace {

/// Bits of CPUID and XCR0: Intel SDM vol. 1, chapters 13 and 14; vol. 2, CPUID.
namespace cpu {

struct Leaf {
    std::uint32_t eax = 0;
    std::uint32_t ebx = 0;
    std::uint32_t ecx = 0;
    std::uint32_t edx = 0;
};

/// All zero where the processor has no such leaf.
Leaf leaf(unsigned number) {
    Leaf leaf;
    __get_cpuid_count(number, 0, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx);
    return leaf;
}

constexpr std::uint32_t bit(unsigned number) {
    return std::uint32_t{1} << number;
}

bool has(std::uint32_t value, std::uint32_t bits) {
    return (value & bits) == bits;
}

bool has_bmi2() {
    return has(leaf(7).ebx, bit(3) | bit(8));
}

/// The system, too, has to keep the registers: SSE, AVX, opmask and both parts of ZMM.
bool has_avx512() {
    if (!has(leaf(1).ecx, bit(27)) || !has(leaf(7).ebx, bit(16) | bit(30)) ||
        !has(leaf(7).ecx, bit(1) | bit(8))) {
        return false;
    }
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return has(low, bit(1) | bit(2) | bit(5) | bit(6) | bit(7));
}

/// AMD before Zen 3 (family 0x19), and Hygon, take PEXT in microcode: some 250 cycles for 16 bits.
bool has_slow_pext() {
    constexpr std::uint32_t amd = 0x444D4163;   // the last letters of AuthenticAMD
    constexpr std::uint32_t hygon = 0x656E6975; // of HygonGenuine
    const std::uint32_t vendor = leaf(0).ecx;
    const std::uint32_t version = leaf(1).eax;
    const std::uint32_t family = ((version >> 8U) & 0xFU) + ((version >> 20U) & 0xFFU);
    return vendor == hygon || (vendor == amd && family < 0x19);
}

} // namespace cpu

Variant look() {
    if (cpu::has_avx512()) {
        return Variant::avx512;
    }
    return cpu::has_bmi2() && !cpu::has_slow_pext() ? Variant::bmi2 : Variant::portable;
}

/// Each nibble's bit k, one after the other. Bits that a state does not have are zero.
template <typename Level>
[[gnu::target("bmi,bmi2")]] void gather(const WordsOf<Level>& state, Planes<Level>& planes) {
    for (std::size_t g = 0; g < plane_words<Level>; ++g) {
        for (std::size_t k = 0; k < 4; ++k) {
            std::uint64_t plane = 0;
            for (std::size_t w = 0; w < 4 && 4 * g + w < state.size(); ++w) {
                plane |= _pext_u64(state[4 * g + w], 0x1111111111111111U << k) << (16 * w);
            }
            planes.words[g][k] = plane;
        }
    }
}

} // namespace

bool carried(Variant variant) {
    switch (variant) {
    case Variant::portable:
        return true;
    case Variant::bmi2:
        return cpu::has_bmi2();
    case Variant::avx512:
        return cpu::has_avx512();
    }
    return false;
}

Variant fastest() {
    static std::uint8_t known = 0; // the variant plus one. In a virtual machine CPUID is an exit.
    std::uint8_t found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (found == 0) {
        found = static_cast<std::uint8_t>(static_cast<unsigned>(look()) + 1U);
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    }
    return static_cast<Variant>(found - 1U);
}

template <typename Level>
[[gnu::target("bmi,bmi2")]] void permute_bmi2(WordsOf<Level>& state) {
    WordsOf<Level> words = state;
    Planes<Level> planes{};
    for (const RoundConstant constant : round_constants<Level>) {
        add_constant<Level>(words, constant);
        gather<Level>(words, planes);
        substitute_and_spread<Level>(planes, words);
    }
    state = words;
}

template void permute_bmi2<Level128>(WordsOf<Level128>& state);
template void permute_bmi2<Level64>(WordsOf<Level64>& state);

} // namespace authex::crypto::spongent

#endif
