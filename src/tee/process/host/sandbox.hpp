#pragma once
// What the process of a module may still do once its code runs: next to nothing.

#include <cstdint>

namespace authex::tee::process {

/// Whether a debugger of the same user may read the process's memory.
enum class Debugged : std::uint8_t { no, yes };

/// Whether instructions of a simulated processor are caught as signals, from which it returns; and
/// whether it changes the rights to pages meanwhile.
enum class Traps : std::uint8_t { no, yes, with_pages };

/// Descriptors that are left.
constexpr int doorbell_descriptor = 0;
constexpr int answer_descriptor = 1; ///< until close_answer()

constexpr int device_descriptor = 2; ///< of a host that speaks to its TEE through one
constexpr int memory_descriptor = 3; ///< of what that one has registered; nothing is done with it

/// Moves the doorbell, the device and the memory where there are any, to their numbers and closes
/// all but those and the answer. @pre there is no memory without a device
/// @return false: errno says why
bool leave_only(int doorbell, int device = -1, int memory = -1);

/// As leave_only(); also gives up privileges and core dumps, and installs a filter of system calls:
/// write to the two descriptors, close of the answer, futex wait, yield, exit; where there are
/// traps, the return from signals and what else they do; where there is a device, its control.
/// Anything else kills the process with SIGSYS. @return false: errno says why
bool confine(int doorbell,
             Debugged debugged,
             Traps traps = Traps::no,
             int device = -1,
             int memory = -1);

} // namespace authex::tee::process
