#pragma once
// Makes the ELF file of a TA out of what the linker left (port/optee/ta.ld): the initial values of
// writable memory go behind the constants, where they are measured; what is writable arrives empty,
// and there are no section headers, so that no loader changes it.

#include <vector>

#include "base/diagnostic.hpp"
#include "tee/trustzone/image/ta_elf.hpp"

namespace authex::tee::trustzone {

/// First in the writable segment, used by nothing: the loader reads a few bytes of the file there.
constexpr std::uint64_t reserved_bytes = 64;

/// @error image-malformed: not of that script
Expected<std::vector<std::uint8_t>> write_ta(ByteView program);

} // namespace authex::tee::trustzone
