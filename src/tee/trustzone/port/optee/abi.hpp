#pragma once
// How OP-TEE and a trusted application talk: entries and system calls of AArch64, as its public
// headers have them. (OP-TEE OS 4.10, `utee_types.h`, `utee_syscalls.h`, `tee_syscall_numbers.h`,
// `user_ta_header.h`)

#include <cstddef>
#include <cstdint>

namespace authex::tee::trustzone::optee {

/// First in the image.
struct TaHead {
    std::uint32_t time_low; ///< the UUID
    std::uint16_t time_mid;
    std::uint16_t time_high_and_version;
    std::uint8_t clock_and_node[8];
    std::uint32_t stack_bytes; ///< a multiple of 16
    std::uint32_t flags;
    std::uint64_t entry; ///< entry_in_elf_header
};
static_assert(sizeof(TaHead) == 32);
constexpr std::uint64_t entry_in_elf_header = ~std::uint64_t{0};
constexpr std::uint32_t flag_single_instance = 1U << 2U;

constexpr std::size_t params_max = 4;
/// Of an entry or of a call to another TA. A memory reference is address and size, a value is two
/// numbers.
struct Params {
    std::uint64_t types = 0;
    std::uint64_t values[2 * params_max]{};
};

/// What an entry is for.
enum class Entry : std::uint64_t { open_session = 0, close_session = 1, invoke_command = 2 };

/// Numbers of system calls, in X8 at SVC #0; arguments in X0 to X7, the result in X0.
enum class Call : std::uint64_t {
    leave = 0, ///< (result); does not come back
    log = 1,
    panic = 2, ///< (code); does not come back
    get_property = 3,
    get_property_name_to_index = 4,
    open_ta_session = 5,     ///< (TEE_UUID*, timeout, Params*, u32* session, u32* origin)
    close_ta_session = 6,    ///< (session)
    invoke_ta_command = 7,   ///< (session, timeout, command, Params*, u32* origin)
    check_access_rights = 8, ///< (flags, address, bytes)
    get_cancellation_flag = 9,
    unmask_cancellation = 10,
    mask_cancellation = 11,
    wait = 12,
    get_time = 13, ///< (category, TEE_Time*)
    set_ta_time = 14,
    state_allocate = 15,
    state_copy = 16,
    state_free = 17,
    hash_init = 18,
    hash_update = 19,
    hash_final = 20,
    cipher_init = 21,
    cipher_update = 22,
    cipher_final = 23,
    object_get_info = 24,
    object_restrict_usage = 25,
    object_get_attribute = 26,
    object_allocate = 27,
    object_close = 28,
    object_reset = 29,
    object_populate = 30,
    object_copy = 31,
    derive_key = 32,
    random_number = 33, ///< (address, bytes)
    authenc_init = 34,
    authenc_update_aad = 35,
    authenc_update_payload = 36,
    authenc_enc_final = 37,
    authenc_dec_final = 38,
    asymm_operate = 39,
    asymm_verify = 40,
    storage_open = 41,
    storage_create = 42,
    storage_delete = 43,
    storage_rename = 44,
    storage_read = 50,
    storage_write = 51,
    storage_truncate = 52,
    storage_seek = 53,
    object_generate_key = 54,
};

} // namespace authex::tee::trustzone::optee

extern "C" {
/// One system call. No more than five arguments are needed. (svc_aarch64.S, svc_x86_64.S)
std::uint64_t authex_svc(std::uint64_t a0,
                         std::uint64_t a1,
                         std::uint64_t a2,
                         std::uint64_t a3,
                         std::uint64_t a4,
                         authex::tee::trustzone::optee::Call number);
}
