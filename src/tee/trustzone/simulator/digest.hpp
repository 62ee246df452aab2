#pragma once
// Digests SHA-1 to SHA-512, their HMAC, and AES-CMAC. (GP TEE Internal Core API 1.3.1, §6.3 and
// §6.5)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (state)
std::uint32_t begin_hash(const Arguments& arguments);
/// (state, data, its bytes)
std::uint32_t update_hash(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, hash, u64* its room)
std::uint32_t end_hash(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
