// A module as a trusted application of GlobalPlatform: one instance a session, one session a
// module.
#include "runtime/invocation.hpp"
#include "runtime/port.hpp"
#include "runtime/runtime.hpp"
#include "tee/trustzone/port/commands.hpp"
#include "tee/trustzone/port/internal_api.hpp"

extern "C" {
// From the linker's script.
extern const authex_endpoint authex_endpoints_begin[] __attribute__((visibility("hidden")));
extern const authex_endpoint authex_endpoints_end[] __attribute__((visibility("hidden")));
extern std::uint8_t authex_state_begin[] __attribute__((visibility("hidden")));
extern std::uint8_t authex_state_end[] __attribute__((visibility("hidden")));
extern const std::uint8_t authex_image_begin[] __attribute__((visibility("hidden")));
extern const std::uint8_t authex_image_end[] __attribute__((visibility("hidden")));
}

namespace authex::runtime {
namespace {

namespace trustzone = tee::trustzone;

// AUTHEX_OWNER_KEYS is the list of their bytes, 32, 64 or 96, given by the builder. Measured, as
// all that is constant.
constexpr std::uint8_t owner_keys[] = {AUTHEX_OWNER_KEYS};
static_assert(sizeof owner_keys % 32 == 0 && sizeof owner_keys <= 96);

constexpr TEE_UUID attestation_uuid = {
    0x39800861, 0x182A, 0x4720, {0x9B, 0x67, 0x2B, 0xCD, 0x62, 0x2B, 0xC0, 0xB5}};
constexpr std::uint32_t hash_types = TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT,
                                                     TEE_PARAM_TYPE_MEMREF_OUTPUT,
                                                     TEE_PARAM_TYPE_NONE,
                                                     TEE_PARAM_TYPE_NONE);
static_assert(trustzone::invoke_types == TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT,
                                                         TEE_PARAM_TYPE_MEMREF_OUTPUT,
                                                         TEE_PARAM_TYPE_VALUE_OUTPUT,
                                                         TEE_PARAM_TYPE_NONE));
static_assert(port::report_bytes ==
              trustzone::attestation_hash_bytes + trustzone::attestation_signature_bytes);

constinit Runtime runtime;
constinit TEE_TASessionHandle attestation = nullptr;

std::uint64_t address(const void* pointer) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

/// The TEE has checked that the caller may use this memory; that it is none of the module's own is
/// looked at once more. An empty buffer may be anywhere.
bool is_callers(const TEE_Param& param) {
    const std::uint64_t begin = address(param.memref.buffer);
    const std::uint64_t bytes = param.memref.size;
    const ImageLayout layout = port::layout();
    return bytes == 0 || (begin != 0 && bytes <= ~begin &&
                          (begin >= layout.end || begin + bytes <= layout.begin));
}

TEE_Result invoke(TEE_Param params[4]) {
    if (!is_callers(params[0]) || !is_callers(params[1])) {
        return TEE_ERROR_BAD_PARAMETERS;
    }
    // The runtime copies each frame in once before it looks at it, and only writes what goes out.
    const Progress progress = runtime.invoke(
        {static_cast<const std::uint8_t*>(params[0].memref.buffer), params[0].memref.size},
        {static_cast<std::uint8_t*>(params[1].memref.buffer), params[1].memref.size});
    params[1].memref.size = progress.produced;
    params[2].value.a = static_cast<std::uint32_t>(progress.consumed);
    params[2].value.b = static_cast<std::uint32_t>(progress.produced);
    return TEE_SUCCESS;
}

} // namespace

ImageLayout port::layout() {
    return {.endpoints = {authex_endpoints_begin, authex_endpoints_end},
            .owner_keys = owner_keys,
            .state = {authex_state_begin, authex_state_end},
            .begin = address(authex_image_begin),
            .end = address(authex_image_end)};
}

void port::draw(Bytes out) {
    TEE_GenerateRandom(out.data(), out.size());
}

/// Zeros where the TEE has nothing that vouches.
void port::report(ByteView report_data, Bytes out) {
    for (std::uint8_t& byte : out) {
        byte = 0;
    }
    std::uint32_t origin = 0;
    TEE_Param none[4] = {};
    if (attestation == nullptr &&
        TEE_OpenTASession(
            &attestation_uuid, TEE_TIMEOUT_INFINITE, 0, none, &attestation, &origin) !=
            TEE_SUCCESS) {
        attestation = nullptr;
        return;
    }
    std::uint8_t nonce[32];
    copy(report_data, nonce);
    TEE_Param params[4] = {};
    params[0].memref = {nonce, sizeof nonce};
    params[1].memref = {out.data(), out.size()};
    if (TEE_InvokeTACommand(attestation,
                            TEE_TIMEOUT_INFINITE,
                            trustzone::command_hash_ta_memory,
                            hash_types,
                            params,
                            &origin) != TEE_SUCCESS) {
        wipe(out);
    }
}

} // namespace authex::runtime

TEE_Result TA_CreateEntryPoint() {
    using namespace authex::runtime;
    std::uint8_t entropy[boot_entropy_bytes];
    port::draw(entropy);
    const ImageLayout layout = port::layout();
    if (layout.endpoints.size() > max_endpoints) {
        return TEE_ERROR_NOT_SUPPORTED;
    }
    runtime.start(layout.endpoints, layout.owner_keys, entropy);
    runtime.keep(layout.state, state_persists);
    authex::wipe(entropy);
    return TEE_SUCCESS;
}

void TA_DestroyEntryPoint() {
    using authex::runtime::runtime;
    authex::wipe({reinterpret_cast<std::uint8_t*>(&runtime), sizeof runtime});
}

TEE_Result
TA_OpenSessionEntryPoint(std::uint32_t types, TEE_Param* /*params*/, void** session_context) {
    *session_context = nullptr;
    return types == 0 ? TEE_SUCCESS : TEE_ERROR_BAD_PARAMETERS;
}

void TA_CloseSessionEntryPoint(void* /*session_context*/) {}

TEE_Result TA_InvokeCommandEntryPoint(void* /*session_context*/,
                                      std::uint32_t command,
                                      std::uint32_t types,
                                      TEE_Param* params) {
    using namespace authex::tee::trustzone;
    if (command != command_invoke) {
        return TEE_ERROR_NOT_SUPPORTED;
    }
    return types == invoke_types ? authex::runtime::invoke(params) : TEE_ERROR_BAD_PARAMETERS;
}
