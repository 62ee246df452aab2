// Where OP-TEE enters, in place of its libutee.
//
// The image arrives as read-only memory alone: what is writable is put there from here, out of what
// was measured, before anything else runs. So the measurement covers initial values and pointers
// too, whoever made the file. (docs/trustzone.md "Image")
#include "tee/trustzone/port/internal_api.hpp"
#include "tee/trustzone/port/optee/abi.hpp"
#include "tee/trustzone/port/optee/params.hpp"

extern "C" {
// From ta.ld.
extern const std::uint8_t authex_image_begin[] __attribute__((visibility("hidden")));
extern const std::uint8_t authex_data_image[] __attribute__((visibility("hidden")));
extern std::uint8_t authex_data_begin[] __attribute__((visibility("hidden")));
extern std::uint8_t authex_data_end[] __attribute__((visibility("hidden")));
struct Relocation {
    std::uint64_t offset;
    std::uint64_t kind;
    std::uint64_t addend;
};
extern const Relocation authex_relocations_begin[] __attribute__((visibility("hidden")));
extern const Relocation authex_relocations_end[] __attribute__((visibility("hidden")));
/// What the library's object code finds at its stack's end. (AAPCS64 tool chains)
std::uint64_t __stack_chk_guard;
[[noreturn]] void authex_enter(authex::tee::trustzone::optee::Entry entry,
                               std::uint64_t session,
                               authex::tee::trustzone::optee::Params* params,
                               std::uint64_t command);
}

namespace authex::tee::trustzone::optee {
namespace {

#ifndef AUTHEX_TA_UUID
#error "the builder gives AUTHEX_TA_UUID and AUTHEX_TA_STACK_BYTES"
#endif

__attribute__((section(".ta_head"), used)) constexpr TaHead ta_head = {
    AUTHEX_TA_UUID, AUTHEX_TA_STACK_BYTES, 0, entry_in_elf_header};
static_assert(AUTHEX_TA_STACK_BYTES % 16 == 0);

// Of one instance: one session, or none yet.
constinit bool placed = false;
constinit bool created = false;
constinit bool open = false;
constinit std::uint64_t open_session = 0;
constinit void* session_context = nullptr;

// ELF for the Arm 64-bit Architecture, §5.7.14; System V ABI, AMD64 supplement, table 4.10.
#if defined(__aarch64__)
constexpr std::uint64_t relative = 1027;
#elif defined(__x86_64__)
constexpr std::uint64_t relative = 8;
#endif

[[noreturn]] void panic(std::uint64_t code) {
    authex_svc(code, 0, 0, 0, 0, Call::panic);
    __builtin_trap();
}

/// All offsets count from the image's begin.
void place() {
    const std::uint8_t* from = authex_data_image;
    for (std::uint8_t* to = authex_data_begin; to != authex_data_end; ++to, ++from) {
        *const_cast<volatile std::uint8_t*>(to) = *from;
    }
    const auto base = reinterpret_cast<std::uintptr_t>(authex_image_begin);
    for (const Relocation* one = authex_relocations_begin; one != authex_relocations_end; ++one) {
        if (one->kind != relative) {
            panic(TEE_ERROR_NOT_SUPPORTED);
        }
        *reinterpret_cast<volatile std::uint64_t*>(base + one->offset) = base + one->addend;
    }
    placed = true;
    // The lowest byte is zero, so that no string runs over it.
    if (const std::uint64_t result = authex_svc(
            word(&__stack_chk_guard), sizeof __stack_chk_guard, 0, 0, 0, Call::random_number)) {
        panic(result);
    }
    __stack_chk_guard &= ~std::uint64_t{0xFF};
}

TEE_Result enter_open(std::uint64_t session, std::uint32_t types, TEE_Param params[params_max]) {
    if (open) {
        return TEE_ERROR_BUSY;
    }
    if (!created) {
        const TEE_Result result = TA_CreateEntryPoint();
        if (result != TEE_SUCCESS) {
            return result;
        }
        created = true;
    }
    const TEE_Result result = TA_OpenSessionEntryPoint(types, params, &session_context);
    open = result == TEE_SUCCESS;
    open_session = session;
    return result;
}

TEE_Result enter_close() {
    TA_CloseSessionEntryPoint(session_context);
    TA_DestroyEntryPoint();
    open = false;
    created = false;
    return TEE_SUCCESS;
}

TEE_Result enter(Entry entry, std::uint64_t session, Params& wire, std::uint64_t command) {
    const auto types = static_cast<std::uint32_t>(wire.types);
    TEE_Param params[params_max];
    from_wire(wire, params);
    TEE_Result result = TEE_ERROR_BAD_STATE;
    if (entry == Entry::open_session) {
        result = enter_open(session, types, params);
    } else if (open && session == open_session && entry == Entry::invoke_command) {
        result = TA_InvokeCommandEntryPoint(
            session_context, static_cast<std::uint32_t>(command), types, params);
    } else if (open && session == open_session && entry == Entry::close_session) {
        return enter_close();
    } else if (entry > Entry::invoke_command) {
        return TEE_ERROR_NOT_SUPPORTED;
    }
    to_wire(params, types, wire);
    return result;
}

} // namespace
} // namespace authex::tee::trustzone::optee

void authex_enter(authex::tee::trustzone::optee::Entry entry,
                  std::uint64_t session,
                  authex::tee::trustzone::optee::Params* params,
                  std::uint64_t command) {
    using namespace authex::tee::trustzone::optee;
    if (!placed) {
        place();
    }
    authex_svc(enter(entry, session, *params, command), 0, 0, 0, 0, Call::leave);
    __builtin_trap();
}
