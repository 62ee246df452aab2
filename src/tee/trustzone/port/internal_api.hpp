#pragma once
// What a module needs of the GlobalPlatform TEE Internal Core API, version 1.3 (GPD_SPE_010). With
// a dev kit its own header is taken; else these declarations, which say the same.

#include <cstddef>
#include <cstdint>

#if defined(AUTHEX_TA_DEV_KIT)
extern "C" {
#include <tee_internal_api.h> // the dev kit's
}
#else

extern "C" {

// Names and types are the standard's.
using TEE_Result = std::uint32_t; // §3.1.1

struct TEE_UUID { // §3.2.4; integers in the machine's order
    std::uint32_t timeLow;
    std::uint16_t timeMid;
    std::uint16_t timeHiAndVersion;
    std::uint8_t clockSeqAndNode[8];
};

union TEE_Param { // §4.1.1
    struct {
        void* buffer;
        std::size_t size;
    } memref;
    struct {
        std::uint32_t a;
        std::uint32_t b;
    } value;
};

struct __TEE_TASessionHandle;
using TEE_TASessionHandle = __TEE_TASessionHandle*; // §4.1.2, opaque

// §3.3.1, Table 3-1
constexpr TEE_Result TEE_SUCCESS = 0;
constexpr TEE_Result TEE_ERROR_GENERIC = 0xFFFF0000;
constexpr TEE_Result TEE_ERROR_BAD_PARAMETERS = 0xFFFF0006;
constexpr TEE_Result TEE_ERROR_BAD_STATE = 0xFFFF0007;
constexpr TEE_Result TEE_ERROR_NOT_SUPPORTED = 0xFFFF000A;
constexpr TEE_Result TEE_ERROR_BUSY = 0xFFFF000D;

// §4.2, Table 4-1
constexpr std::uint32_t TEE_PARAM_TYPE_NONE = 0;
constexpr std::uint32_t TEE_PARAM_TYPE_VALUE_OUTPUT = 2;
constexpr std::uint32_t TEE_PARAM_TYPE_MEMREF_INPUT = 5;
constexpr std::uint32_t TEE_PARAM_TYPE_MEMREF_OUTPUT = 6;
constexpr std::uint32_t TEE_TIMEOUT_INFINITE = 0xFFFFFFFF;

constexpr std::uint32_t
TEE_PARAM_TYPES(std::uint32_t t0, std::uint32_t t1, std::uint32_t t2, std::uint32_t t3) {
    return t0 | (t1 << 4U) | (t2 << 8U) | (t3 << 12U);
}

// What a trusted application has. §4.3
TEE_Result TA_CreateEntryPoint();
void TA_DestroyEntryPoint();
TEE_Result
TA_OpenSessionEntryPoint(std::uint32_t types, TEE_Param params[4], void** session_context);
void TA_CloseSessionEntryPoint(void* session_context);
TEE_Result TA_InvokeCommandEntryPoint(void* session_context,
                                      std::uint32_t command,
                                      std::uint32_t types,
                                      TEE_Param params[4]);

// What it calls.
void TEE_Panic(TEE_Result code); // §4.8.1
TEE_Result TEE_OpenTASession(const TEE_UUID* destination,
                             std::uint32_t timeout_ms,
                             std::uint32_t types,
                             TEE_Param params[4],
                             TEE_TASessionHandle* session,
                             std::uint32_t* origin); // §4.9.1
TEE_Result TEE_InvokeTACommand(TEE_TASessionHandle session,
                               std::uint32_t timeout_ms,
                               std::uint32_t command,
                               std::uint32_t types,
                               TEE_Param params[4],
                               std::uint32_t* origin);    // §4.9.3
void TEE_GenerateRandom(void* buffer, std::size_t bytes); // §6.12.1
}

#endif
