#pragma once
// Keys that a TA makes: transient objects of one secret value, for AES and HMAC. (GP TEE Internal
// Core API 1.3, §5.5; OP-TEE OS 4.10, `core/tee/tee_svc_cryp.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

constexpr std::uint32_t type_aes = 0xA0000010; // `tee_api_defines.h`; TEE_TYPE_HMAC_SHA1 … SHA512:
constexpr std::uint32_t type_hmac_first = 0xA0000002;
constexpr std::uint32_t type_hmac_last = 0xA0000006;
constexpr std::size_t secret_bytes_max = 128;

struct SecretObject {
    std::uint32_t type = 0;
    std::uint32_t bits_max = 0;
    std::uint32_t usage = 0;
    bool allocated = false;
    bool initialized = false;
    bool busy = false; ///< it is the key of an operation
    std::array<std::uint8_t, secret_bytes_max> secret{};
    std::size_t bytes = 0;
};

/// Handles of such objects are none of persistent ones.
[[nodiscard]] bool is_secret_object(std::uint64_t handle);
/// Null: none of the TA's.
SecretObject* secret_object(std::uint64_t handle);

/// (type, most bits, u32* handle)
std::uint32_t allocate_object(const Core& core, const Arguments& arguments);
/// (handle, utee_attribute*, how many)
std::uint32_t populate_object(const Core& core, const Arguments& arguments);
/// (handle, bits, utee_attribute*, how many)
std::uint32_t generate_key(Core& core, const Arguments& arguments);
/// (to, from)
std::uint32_t copy_object(const Arguments& arguments);
/// (handle)
std::uint32_t reset_object(const Arguments& arguments);
/// (handle, usage)
std::uint32_t restrict_usage(const Arguments& arguments);
/// (handle, attribute, buffer, u64* its room)
std::uint32_t get_attribute(const Core& core, const Arguments& arguments);
/// (handle, utee_object_info*)
std::uint32_t get_secret_object_info(const Core& core, const Arguments& arguments);
/// (handle)
std::uint32_t close_secret_object(const Arguments& arguments);
/// As the TA's end does.
void close_all_secret_objects();

} // namespace authex::tee::trustzone
