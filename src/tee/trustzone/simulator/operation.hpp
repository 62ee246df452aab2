#pragma once
// Cryptographic operations of a TA: what they are, and what begins and ends them. What they do is
// in digest, sealing, cipher, signature and derivation. (GP TEE Internal Core API 1.3.1, §6.2;
// OP-TEE OS 4.10, `core/tee/tee_svc_cryp.c`)

#include <bearssl/bearssl_aead.h>
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hmac.h>

#include "tee/trustzone/simulator/algorithm.hpp"
#include "tee/trustzone/simulator/cmac.hpp"
#include "tee/trustzone/simulator/core.hpp"
#include "tee/trustzone/simulator/key_object.hpp"

namespace authex::tee::trustzone {

enum class Phase : std::uint8_t { unused, allocated, begun, payload };

struct Sealing {
    br_aes_ct64_ctr_keys keys{};
    br_gcm_context gcm{};
    std::size_t tag_bytes = 0;
};

using Block = std::array<std::uint8_t, aes_block_bytes>;
struct Cipher {
    br_aes_ct64_cbcenc_keys encrypting{};
    br_aes_ct64_cbcdec_keys decrypting{};
    br_aes_ct64_ctrcbc_keys counting{};
    Block vector{}; ///< or counter
    Block stream{}; ///< of the counter mode
    std::size_t stream_used = aes_block_bytes;
};

struct Operation {
    Phase phase = Phase::unused;
    std::uint32_t algorithm = 0;
    std::uint32_t mode = 0;
    std::uint64_t key = 0; ///< handle
    br_hash_compat_context digest{};
    br_hmac_key_context mac_key{};
    br_hmac_context mac{};
    Cmac cmac{};
    Sealing sealing{};
    Cipher cipher{};

    [[nodiscard]] Class kind() const { return class_of(algorithm); }
    /// Null: it has none, or the key has no content.
    [[nodiscard]] const KeyObject* filled_key() const;
};

/// Of the handle that comes first. Null: none of the TA's.
Operation* operation_of(const Arguments& arguments);
/// One that has begun. @return tee_success, or why there is none
std::uint32_t begun_operation(const Arguments& arguments, Operation*& operation);
/// Likewise, of that kind.
std::uint32_t begun_operation(const Arguments& arguments, Class kind, Operation*& operation);

struct Transfer {
    ByteView from;
    Bytes to;
    std::uint32_t result = tee_success;
};
/// (…, data, its bytes, to, u64* its room): room is where all of it has some; a short one is told
/// how much is needed.
Transfer transfer(const Core& core, const Arguments& arguments);

/// (algorithm, mode, handle of a key, handle of a second one, u32* state)
std::uint32_t allocate_operation(const Core& core, const Arguments& arguments);
/// (to, from)
std::uint32_t copy_operation(const Arguments& arguments);
/// (state)
std::uint32_t free_operation(const Arguments& arguments);
/// As the TA's end does.
void free_all_operations();

} // namespace authex::tee::trustzone
