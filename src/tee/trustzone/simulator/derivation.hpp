#pragma once
// Keys of keys: ECDH, HKDF. (GP TEE Internal Core API 1.3.1, §6.8; RFC 5869)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (state, utee_attribute*, how many, handle of the key to be made)
std::uint32_t derive_key(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
