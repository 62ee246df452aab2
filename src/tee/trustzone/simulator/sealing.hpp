#pragma once
// AES-GCM. (GP TEE Internal Core API 1.3.1, §6.6; OP-TEE OS 4.10, `core/crypto/aes-gcm.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (state, nonce, its bytes, bytes of the tag)
std::uint32_t begin_sealing(const Core& core, const Arguments& arguments);
/// (state, additional data, its bytes)
std::uint32_t add_data(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, to, u64* its room)
std::uint32_t update_payload(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, to, u64* its room, tag, u64* its room)
std::uint32_t end_sealing(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, to, u64* its room, tag, its bytes)
std::uint32_t end_opening(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
