#pragma once
// The way into a TA, and the way of its system calls out of it.

#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::tee::trustzone {

/// Where system calls of an x86-64 TA go: no hardware has them, so both agree on an address
/// (port/optee/svc_x86_64.S).
constexpr std::uint64_t gate_address = 0x50000000;

/// Answers a system call, but those that do not come back.
using SystemCall = std::uint64_t (*)(std::uint64_t number, const std::uint64_t arguments[5]);

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
