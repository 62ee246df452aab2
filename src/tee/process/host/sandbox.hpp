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

/// Moves the doorbell to its number and closes all but the two above. @return false: errno says why
bool leave_only(int doorbell);

/// Moves the doorbell to its number, closes all but the two above, gives up privileges and core
/// dumps, and installs a filter of system calls: write to the two descriptors, close of the answer,
/// futex wait, yield, exit, and where there are traps, the return from signals and what else they
/// do. Anything else kills the process with SIGSYS. @return false: errno says why
bool confine(int doorbell, Debugged debugged, Traps traps = Traps::no);

} // namespace authex::tee::process
