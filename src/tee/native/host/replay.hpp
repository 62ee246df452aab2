#pragma once
// An image that is given recorded frames: no rings, no manager, nothing but files and a pipe, so
// that a debugger can start it as any program. The working folder holds
//
//   image    what runs
//   entropy  32 bytes, what its first generator is fed with
//   frames   for each frame a u32 of its bytes, then the frame; little-endian
//
// and for each frame a u32 of bytes, then the frames that came of it, go to standard output. The
// image is confined as a module's process is.

#include <cstdint>

namespace authex::tee::native {

constexpr std::uint64_t replay_bytes_max = std::uint64_t{1} << 30U; ///< of the file `frames`

/// Does what the command line says: --replay IMAGE-SHA256-HEX STACK-BYTES [debugged]. With
/// `debugged` it stops for the debugger (SIGTRAP) before the first frame. Exit status 0: all frames
/// were taken; 1: refused, and why on standard output; else ExitStatus of serve.hpp.
[[noreturn]] void replay(int count, char** arguments);

} // namespace authex::tee::native
