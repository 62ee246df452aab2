#pragma once
// Functions that the kernel lends to every process.                 (vdso(7); ELF-64 object file
// format; System V ABI, symbol versions)

#include <cstdint>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

/// @param image the whole vDSO, as it lies in memory
/// @return the offset of a function of the version LINUX_2.6; 0: there is none
[[nodiscard]] std::uint64_t find_in_vdso(ByteView image, const char* name);

/// The vDSO of this process; empty where the kernel gives none.
[[nodiscard]] ByteView own_vdso();

} // namespace authex::tee::sgx
