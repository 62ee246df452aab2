#pragma once
// The loop of a module's process: frames in, invoke, frames out, sleep.

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "runtime/invocation.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/module_end.hpp"

namespace authex::tee::process {

/// How to get into the image.
struct Door {
    std::uint64_t entry = 0;     ///< address
    std::uint64_t stack_top = 0; ///< address, 16-byte aligned; where the host gives it
    void (*enter)(const Door& door, runtime::Invocation& invocation) = nullptr;
};

/// Exit statuses of a module's process.
enum ExitStatus : int { exit_corrupt_rings = 70, exit_refused_invocation = 71 };

/// Makes the image ready. @param rings all of the memory that invocations will point into; entropy:
/// 32 bytes; target: whom reports are for, inside the rings, where the TEE makes any.
/// @return the image's Error, 0: ready
std::uint32_t start_image(const Door& door, ByteView rings, ByteView entropy, ByteView target = {});

/// What an image says to one invocation.
struct Answer {
    bool good = false; ///< it took it, and the numbers below are possible
    std::size_t consumed = 0;
    std::size_t produced = 0;
};
/// @param in, out inside the memory that start_image() was told of
Answer invoke(const Door& door, ByteView in, Bytes out);

/// Serves until the process is killed or something is wrong. @param spin_us the longest
/// wait in which it looks at the rings instead of sleeping. @return the exit status
int serve(const Door& door, ModuleEnd& end, KeptArea& kept, std::uint32_t spin_us);

} // namespace authex::tee::process
