#pragma once
// AES without authentication: ECB and CBC without padding, CTR. (GP TEE Internal Core API 1.3.1,
// §6.4; NIST SP 800-38A)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (state, initialisation vector or first counter, its bytes)
std::uint32_t begin_cipher(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, to, u64* its room)
std::uint32_t update_cipher(const Core& core, const Arguments& arguments);
/// Likewise; the operation begins anew after it.
std::uint32_t end_cipher(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
