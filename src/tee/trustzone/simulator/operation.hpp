#pragma once
// Cryptographic operations of a TA: digests SHA-1 to SHA-512, their HMAC, and AES-GCM. (GP TEE
// Internal Core API 1.3, §6; OP-TEE OS 4.10, `core/tee/tee_svc_cryp.c`, `core/crypto/aes-gcm.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (algorithm, mode, handle of a key, handle of a second one, u32* state)
std::uint32_t allocate_operation(const Core& core, const Arguments& arguments);
/// (to, from)
std::uint32_t copy_operation(const Arguments& arguments);
/// (state)
std::uint32_t free_operation(const Arguments& arguments);
/// As the TA's end does.
void free_all_operations();

/// (state)
std::uint32_t begin_hash(const Arguments& arguments);
/// (state, data, its bytes)
std::uint32_t update_hash(const Core& core, const Arguments& arguments);
/// (state, data, its bytes, hash, u64* its room)
std::uint32_t end_hash(const Core& core, const Arguments& arguments);

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
