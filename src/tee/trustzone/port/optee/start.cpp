// Where OP-TEE enters, in place of its libutee.
//
// The image arrives as read-only memory alone: what is writable is put there from here, out of what
// was measured, before anything else runs. So the measurement covers initial values and pointers
// too, whoever made the file. (docs/trustzone.md "Image")
#include "tee/trustzone/port/internal_api.hpp"
#include "tee/trustzone/port/optee/abi.hpp"

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

/// All offsets count from the image's begin.
void place() {
    const std::uint8_t* from = authex_data_image;
    for (std::uint8_t* to = authex_data_begin; to != authex_data_end; ++to, ++from) {
        *const_cast<volatile std::uint8_t*>(to) = *from;
    }
    const auto base = reinterpret_cast<std::uintptr_t>(authex_image_begin);
    for (const Relocation* one = authex_relocations_begin; one != authex_relocations_end; ++one) {
        if (one->kind != relative) {
            TEE_Panic(TEE_ERROR_NOT_SUPPORTED);
        }
        *reinterpret_cast<volatile std::uint64_t*>(base + one->offset) = base + one->addend;
    }
    placed = true;
    // The lowest byte is zero, so that no string runs over it.
    TEE_GenerateRandom(&__stack_chk_guard, sizeof __stack_chk_guard);
    __stack_chk_guard &= ~std::uint64_t{0xFF};
}

bool is_memory(std::uint32_t type) {
    return type >= TEE_PARAM_TYPE_MEMREF_INPUT;
}

void from_wire(const Params& params, TEE_Param out[params_max]) {
    for (std::size_t i = 0; i < params_max; ++i) {
        const std::uint64_t first = params.values[2 * i];
        const std::uint64_t second = params.values[2 * i + 1];
        if (is_memory((params.types >> (4 * i)) & 0xFU)) {
            out[i].memref = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(first)),
                             static_cast<std::size_t>(second)};
        } else {
            out[i].value = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(second)};
        }
    }
}

void to_wire(const TEE_Param in[params_max], std::uint32_t types, Params& params) {
    params.types = types;
    for (std::size_t i = 0; i < params_max; ++i) {
        if (is_memory((types >> (4 * i)) & 0xFU)) {
            params.values[2 * i] =
                static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(in[i].memref.buffer));
            params.values[2 * i + 1] = in[i].memref.size;
        } else {
            params.values[2 * i] = in[i].value.a;
            params.values[2 * i + 1] = in[i].value.b;
        }
    }
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

template <typename T>
std::uint64_t word(T* pointer) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
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

// The Internal Core API, as far as a module needs it, by system calls.

void TEE_Panic(TEE_Result code) {
    authex_svc(code, 0, 0, 0, 0, authex::tee::trustzone::optee::Call::panic);
    __builtin_trap();
}

void TEE_GenerateRandom(void* buffer, std::size_t bytes) {
    using namespace authex::tee::trustzone::optee;
    const auto result =
        static_cast<TEE_Result>(authex_svc(word(buffer), bytes, 0, 0, 0, Call::random_number));
    if (result != TEE_SUCCESS) {
        TEE_Panic(result);
    }
}

TEE_Result TEE_OpenTASession(const TEE_UUID* destination,
                             std::uint32_t timeout_ms,
                             std::uint32_t types,
                             TEE_Param* params,
                             TEE_TASessionHandle* session,
                             std::uint32_t* origin) {
    using namespace authex::tee::trustzone::optee;
    Params wire;
    to_wire(params, types, wire);
    std::uint32_t handle = 0;
    const auto result = static_cast<TEE_Result>(authex_svc(word(destination),
                                                           timeout_ms,
                                                           word(&wire),
                                                           word(&handle),
                                                           word(origin),
                                                           Call::open_ta_session));
    from_wire(wire, params);
    *session = reinterpret_cast<TEE_TASessionHandle>(static_cast<std::uintptr_t>(handle));
    return result;
}

TEE_Result TEE_InvokeTACommand(TEE_TASessionHandle session,
                               std::uint32_t timeout_ms,
                               std::uint32_t command,
                               std::uint32_t types,
                               TEE_Param* params,
                               std::uint32_t* origin) {
    using namespace authex::tee::trustzone::optee;
    Params wire;
    to_wire(params, types, wire);
    const auto result = static_cast<TEE_Result>(authex_svc(
        word(session), timeout_ms, command, word(&wire), word(origin), Call::invoke_ta_command));
    from_wire(wire, params);
    return result;
}
