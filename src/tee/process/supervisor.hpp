#pragma once
// The first step of every host program: it becomes a supervisor that outlives the manager, and
// below it begins the process that will be the module. Plain system calls, no allocation.

#include <array>
#include <cstdint>

namespace authex::tee::process {

/// Tells the manager why the module does not start (spawn.hpp) and ends the process.
[[noreturn]] void refuse_start(const char* code, const char* reason);

/// Returns in a new process, the module's. The calling process becomes the supervisor: leader of a
/// session of its own, it writes the process record into the working directory, waits and writes
/// there how the module ended. If it dies, the kernel kills the module.
void supervise(const std::array<std::uint8_t, 32>& image);

} // namespace authex::tee::process
