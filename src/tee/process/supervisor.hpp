#pragma once
// The first steps of every host program: a supervisor that outlives the manager, and below it the
// process that will be the module. Used by host programs; plain system calls, no allocation.

#include <array>
#include <cstdint>

namespace authex::tee::process {

/// Tells the manager why the module does not start (spawn.hpp) and ends the process.
[[noreturn]] void refuse_start(const char* code, const char* reason);

/// Returns in the module's process alone. The caller's own process ends with 0 after the fork; the
/// supervisor, leader of a session of its own, writes the process record into the working
/// directory, waits and writes there how the module ended. If it dies, the kernel kills the module.
void supervise(const std::array<std::uint8_t, 32>& image);

} // namespace authex::tee::process
