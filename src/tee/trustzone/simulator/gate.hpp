#pragma once
// The way into a TA, and the way of its system calls out of it.

#include <array>

#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::tee::trustzone {

/// Where system calls of an x86-64 TA go: no hardware has them, so both agree on an address
/// (port/optee/svc_x86_64.S).
constexpr std::uint64_t gate_address = 0x50000000;

/// What stands for a system call in the code of an AArch64 TA: BRK #0 (Arm ARM, C6.2), which no
/// compiler makes (its traps are BRK #1).
constexpr std::uint32_t system_call_trap = 0xD4200000;

/// Answers a system call, but those that do not come back. It has up to 8 arguments: on AArch64 in
/// X0 to X7; on x86-64 as C has them, where the sixth is the call's number, and arguments 6 to 8
/// follow it.
using SystemCall = std::uint64_t (*)(std::uint64_t number,
                                     const std::array<std::uint64_t, 8>& arguments);

/// Makes the gate, once a process. On AArch64 system calls are traps: it takes SIGTRAP.
/// @return false: its place is taken, or the signal
[[nodiscard]] bool open_gate(SystemCall answer);

/// Enters at `entry` on the TA's stack. @return what it leaves with
std::uint64_t enter_ta(std::uint64_t entry,
                       std::uint64_t stack_top,
                       optee::Entry what,
                       std::uint64_t session,
                       optee::Params* params,
                       std::uint64_t command);

} // namespace authex::tee::trustzone
