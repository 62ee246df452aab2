#pragma once
// The image in this process, and the way into it.

#include "tee/process/host/prepare.hpp"
#include "tee/process/host/serve.hpp"

namespace authex::tee::native {

/// Puts the file `image` into memory, if it is the expected one, and makes its stack. What is wrong
/// ends the process through process::refuse_start.
process::Door load_image(const process::Digest& expected, std::uint64_t stack_bytes);

} // namespace authex::tee::native
