#include "tee/sgx/simulator/state_area.hpp"

#include <algorithm>
#include <array>
#include <cpuid.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t gprsgx_bytes = 184;
constexpr std::size_t exit_info_at = 160; ///< in GPRSGX
/// After XSTATE_BV: what XRSTOR wants to be zero. (ERESUME: bytes 520 to 535)
constexpr std::size_t header_zero_bytes = 16;
constexpr std::uint32_t mxcsr_reserved = 0xFFFF0000;

bool is_canonical(std::uint64_t address) {
    constexpr std::uint64_t upper = ~std::uint64_t{0} << 47U;
    return (address & upper) == 0 || (address & upper) == upper;
}

/// What XRSTOR does not fault on.
bool is_loadable(ByteView frame, std::uint64_t xfrm) {
    Reader mxcsr(frame.subspan(mxcsr_offset));
    Reader header(frame.subspan(xsave_header_offset));
    const bool known = (header.u64() & ~xfrm) == 0;
    const ByteView zero = header.take(header_zero_bytes);
    return known && (mxcsr.u32() & mxcsr_reserved) == 0 &&
           std::all_of(zero.begin(), zero.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// As XRSTOR: a component that is not in use gets its initial value, and MXCSR comes from memory.
void load_vectors(ByteView frame, Registers& registers) {
    struct Part {
        std::uint8_t component;
        std::size_t begin, end;
    };
    constexpr Part parts[] = {{1, 0, mxcsr_offset}, {1, 32, 160}, {2, 160, 416}};
    registers.initialise_vectors();
    std::array<std::uint8_t, legacy_state_bytes> loaded{};
    copy(registers.vectors(), loaded);
    copy(frame.subspan(mxcsr_offset, 8), Bytes(loaded).subspan(mxcsr_offset));
    for (const Part& part : parts) {
        if ((frame[xsave_header_offset] & part.component) != 0) {
            copy(frame.subspan(part.begin, part.end - part.begin),
                 Bytes(loaded).subspan(part.begin));
        }
    }
    registers.set_vectors(loaded);
}

} // namespace

void save_state(Bytes frame,
                const Registers& registers,
                const OutsideStack& outside,
                std::uint32_t exit_info) {
    copy(registers.vectors(), frame);
    Writer(frame.subspan(xsave_header_offset))
        .u64(x87_and_sse)
        .bytes(std::array<std::uint8_t, header_zero_bytes>{});
    Writer general(frame.last(gprsgx_bytes));
    for (const int which : general_registers) {
        general.u64(registers.get(which));
    }
    general.u64(outside.stack).u64(outside.frame);
    Writer(frame.last(gprsgx_bytes - exit_info_at)).u32(exit_info);
}

bool restore_state(ByteView frame, std::uint64_t xfrm, Registers& registers) {
    Reader general(frame.last(gprsgx_bytes));
    std::array<std::uint64_t, std::size(general_registers)> values{};
    for (std::uint64_t& value : values) {
        value = general.u64();
    }
    if (!is_canonical(values.back()) || !is_loadable(frame, xfrm)) {
        return false;
    }
    load_vectors(frame, registers);
    for (std::size_t i = 0; i < values.size(); ++i) {
        registers.set(general_registers[i], values[i]);
    }
    return true;
}

std::uint64_t enabled_state() {
    constexpr unsigned osxsave = 1U << 27U;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & osxsave) == 0) {
        return x87_and_sse;
    }
    asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return std::uint64_t{d} << 32U | a;
}

} // namespace authex::tee::sgx
