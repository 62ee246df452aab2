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

constexpr int device_descriptor = 2;  ///< of a host that speaks to its TEE through one
constexpr int memory_descriptor = 3;  ///< of what a device has registered; nothing is done with it
constexpr int storage_descriptor = 3; ///< of a simulated TEE, which has no such memory

/// What a host has of its TEE; descriptors, < 0: not.
struct OfTee {
    int device = -1;
    int memory = -1;             ///< not without a device
    int storage = -1;            ///< a file; not with a device
    std::uint64_t bytes_max = 0; ///< of that file
};

/// Moves the doorbell, and what there is of the TEE, to their numbers and closes all but those and
/// the answer. @return false: errno says why
bool leave_only(int doorbell, const OfTee& tee = {});

/// As leave_only(); also gives up privileges and core dumps, and installs a filter of system calls:
/// write to the two descriptors, close of the answer, futex wait, yield, the time, exit; where
/// there are traps, the return from signals and what else they do; of a device, its control; of a
/// storage, flock, pread, pwrite and fdatasync. Anything else kills the process with SIGSYS.
/// @return false: errno says why
bool confine(int doorbell, Debugged debugged, Traps traps = Traps::no, const OfTee& tee = {});

} // namespace authex::tee::process
