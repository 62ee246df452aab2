#pragma once
// Frames of the state save area: what an asynchronous exit leaves of an enclave, and ERESUME takes
// up. (Intel SDM vol. 3D, tables 34-8 to 34-10; ERESUME)

#include <cstdint>

#include "base/bytes.hpp"
#include "tee/sgx/simulator/registers.hpp"

namespace authex::tee::sgx {

/// RSP and RBP outside, where an exit puts them back (URSP, URBP).
struct OutsideStack {
    std::uint64_t stack = 0;
    std::uint64_t frame = 0;
};

/// The general-purpose registers in the order of GPRSGX.
constexpr int general_registers[] = {REG_RAX,
                                     REG_RCX,
                                     REG_RDX,
                                     REG_RBX,
                                     REG_RSP,
                                     REG_RBP,
                                     REG_RSI,
                                     REG_RDI,
                                     REG_R8,
                                     REG_R9,
                                     REG_R10,
                                     REG_R11,
                                     REG_R12,
                                     REG_R13,
                                     REG_R14,
                                     REG_R15,
                                     REG_EFL,
                                     REG_RIP};

/// @param frame whole pages @param exit_info EXITINFO, 0: not told
void save_state(Bytes frame,
                const Registers& registers,
                const OutsideStack& outside,
                std::uint32_t exit_info);

/// @param xfrm of the enclave @return false: #GP, and the registers are as before
[[nodiscard]] bool restore_state(ByteView frame, std::uint64_t xfrm, Registers& registers);

/// XCR0; x87 and SSE alone where the kernel does not use XSAVE.
[[nodiscard]] std::uint64_t enabled_state();

} // namespace authex::tee::sgx
