#pragma once
// The instructions of SGX for one enclave in this process, without the hardware: ENCLU faults in
// user space, and what it would have done is done to the registers that the signal has saved.
// (Intel SDM vol. 3D, chapters 36 to 40)
//
// The image runs unchanged, byte for byte. What a process cannot show: memory that its host cannot
// read, asynchronous exits by interrupts (signals that are not about the enclave return into it
// directly), an XCR0 of its own (XSETBV is the kernel's: instructions on state beyond XFRM work,
// which on hardware are #UD), and the time that transitions take on hardware. FS and GS are
// switched where the kernel lets a process do so.

#include <cstdint>
#include <span>
#include <tuple>

#include "tee/sgx/image/enclave.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

/// As the vDSO of Linux has it. (arch/x86/include/uapi/asm/sgx.h, struct sgx_enclave_run)
struct EnclaveRun {
    std::uint64_t tcs = 0;
    std::uint32_t function = 0; ///< answer: 4 after EEXIT; else the leaf that faulted
    std::uint16_t exception_vector = 0;
    std::uint16_t exception_error_code = 0;
    std::uint64_t exception_address = 0;
    std::uint64_t user_handler = 0;
    std::uint64_t user_data = 0;
    std::uint8_t reserved[216]{};
};
static_assert(sizeof(EnclaveRun) == 256);

namespace leaf {
constexpr std::uint32_t report = 0;
constexpr std::uint32_t get_key = 1;
constexpr std::uint32_t enter = 2;
constexpr std::uint32_t resume = 3;
constexpr std::uint32_t exit = 4;
} // namespace leaf

namespace exception {
constexpr std::uint16_t divide_error = 0;
constexpr std::uint16_t debug = 1;
constexpr std::uint16_t breakpoint = 3;
constexpr std::uint16_t invalid_opcode = 6;
constexpr std::uint16_t general_protection = 13;
constexpr std::uint16_t page_fault = 14;
constexpr std::uint16_t alignment_check = 17;
constexpr std::uint16_t simd = 19;
} // namespace exception

/// What the processor keeps of an enclave: SECS and the one TCS.
struct EnclaveState {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    std::uint64_t tcs = 0;        ///< address
    std::uint64_t entry = 0;      ///< address
    std::uint64_t state_area = 0; ///< address
    ReportBody identity;          ///< all but the report data
    std::uint32_t used_state_areas = 0;
    bool entered = false;
};

/// Pages with the same rights, PROT_….
struct PageRange {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;
    int rights = 0;
};
constexpr std::size_t page_ranges_max = std::tuple_size_v<decltype(EnclavePlan::regions)>;

/// Whether the pages are out of everybody's reach as long as nobody is in the enclave: a stray
/// access then ends the process. Drawn, it takes two system calls more for each range and entry.
enum class Curtain : std::uint8_t { open, drawn };

/// From now on the ENCLU of this process is emulated for this enclave, whose pages lie where the
/// state says. Once in a process, which has one thread. @return false: signals cannot be caught, or
/// the ranges are too many
/// @param pages all of the enclave, with the rights that it has to them itself
[[nodiscard]] bool simulate(const EnclaveState& enclave,
                            const CpuKey& key,
                            std::span<const PageRange> pages,
                            Curtain curtain = Curtain::open);

/// As __vdso_sgx_enter_enclave, over the simulated processor: `function` is 2 (EENTER), or, after
/// an exception, 3 (ERESUME).
extern "C" int authex_simulated_enter(std::uint64_t rdi,
                                      std::uint64_t rsi,
                                      std::uint64_t rdx,
                                      std::uint32_t function,
                                      std::uint64_t r8,
                                      std::uint64_t r9,
                                      EnclaveRun* run);

/// Of the simulated enclave, for tests.
[[nodiscard]] const EnclaveState& simulated_enclave();

} // namespace authex::tee::sgx
