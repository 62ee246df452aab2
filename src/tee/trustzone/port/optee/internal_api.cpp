// The Internal Core API, as far as a module needs it, by system calls: in place of OP-TEE's
// libutee, where no dev kit brings that.
#include "tee/trustzone/port/optee/params.hpp"

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
