/* GlobalPlatform TEE Client API 1.0 (GPD_SPE_007), for C and C++, as far as it is used here: names
   and layouts are the standard's. What an implementation keeps in its structures is not; there is
   room for it at each end, more than any that is known takes, so that libraries of any TEE can be
   called through these declarations. */
#ifndef AUTHEX_TEE_CLIENT_API_H
#define AUTHEX_TEE_CLIENT_API_H

#include <stddef.h> // NOLINT(modernize-deprecated-headers): of C too
#include <stdint.h> // NOLINT(modernize-deprecated-headers): of C too

#ifdef __cplusplus
extern "C" {
#endif

// NOLINTBEGIN(modernize-use-using,readability-identifier-naming): of C too, the standard's names
typedef uint32_t TEEC_Result; /* §4.3.2 */

typedef struct { /* §4.3.3; integers in the machine's order */
    uint32_t timeLow;
    uint16_t timeMid;
    uint16_t timeHiAndVersion;
    uint8_t clockSeqAndNode[8];
} TEEC_UUID;

typedef struct {
    uint64_t room[32];
} TEEC_Implementation;

typedef struct { /* §4.3.4 */
    TEEC_Implementation imp;
} TEEC_Context;

typedef struct { /* §4.3.5 */
    TEEC_Implementation imp;
} TEEC_Session;

typedef struct { /* §4.3.6 */
    void* buffer;
    size_t size;
    uint32_t flags;
    TEEC_Implementation imp;
} TEEC_SharedMemory;

typedef struct { /* §4.3.7 */
    void* buffer;
    size_t size;
} TEEC_TempMemoryReference;

typedef struct { /* §4.3.8 */
    TEEC_SharedMemory* parent;
    size_t size;
    size_t offset;
} TEEC_RegisteredMemoryReference;

typedef struct { /* §4.3.9 */
    uint32_t a;
    uint32_t b;
} TEEC_Value;

typedef union { /* §4.3.10 */
    TEEC_TempMemoryReference tmpref;
    TEEC_RegisteredMemoryReference memref;
    TEEC_Value value;
} TEEC_Parameter;

typedef struct { /* §4.3.11 */
    uint32_t started;
    uint32_t paramTypes;
    TEEC_Parameter params[4];
    TEEC_Implementation imp;
} TEEC_Operation;

/* §4.4.2 */
#define TEEC_SUCCESS 0x00000000U
#define TEEC_ERROR_GENERIC 0xFFFF0000U
#define TEEC_ERROR_BAD_PARAMETERS 0xFFFF0006U
#define TEEC_ERROR_ITEM_NOT_FOUND 0xFFFF0008U
#define TEEC_ERROR_NOT_SUPPORTED 0xFFFF000AU
#define TEEC_ERROR_OUT_OF_MEMORY 0xFFFF000CU
#define TEEC_ERROR_COMMUNICATION 0xFFFF000EU
#define TEEC_ERROR_SECURITY 0xFFFF000FU
#define TEEC_ERROR_SHORT_BUFFER 0xFFFF0010U

/* §4.4.3 */
#define TEEC_ORIGIN_API 1U
#define TEEC_ORIGIN_COMMS 2U
#define TEEC_ORIGIN_TEE 3U
#define TEEC_ORIGIN_TRUSTED_APP 4U

/* §4.4.4 */
#define TEEC_MEM_INPUT 1U
#define TEEC_MEM_OUTPUT 2U

/* §4.4.5 */
#define TEEC_NONE 0x0U
#define TEEC_VALUE_INPUT 0x1U
#define TEEC_VALUE_OUTPUT 0x2U
#define TEEC_VALUE_INOUT 0x3U
#define TEEC_MEMREF_TEMP_INPUT 0x5U
#define TEEC_MEMREF_TEMP_OUTPUT 0x6U
#define TEEC_MEMREF_TEMP_INOUT 0x7U
#define TEEC_MEMREF_WHOLE 0xCU
#define TEEC_MEMREF_PARTIAL_INPUT 0xDU
#define TEEC_MEMREF_PARTIAL_OUTPUT 0xEU
#define TEEC_MEMREF_PARTIAL_INOUT 0xFU

#define TEEC_LOGIN_PUBLIC 0x00000000U /* §4.4.6 */

#define TEEC_PARAM_TYPES(p0, p1, p2, p3)                                                           \
    ((p0) | ((p1) << 4) | ((p2) << 8) | ((p3) << 12)) /* §4.5.11 */

TEEC_Result TEEC_InitializeContext(const char* name, TEEC_Context* context); /* §4.5.2 */
void TEEC_FinalizeContext(TEEC_Context* context);                            /* §4.5.3 */
TEEC_Result TEEC_RegisterSharedMemory(TEEC_Context* context,
                                      TEEC_SharedMemory* sharedMem); /* §4.5.4 */
TEEC_Result TEEC_AllocateSharedMemory(TEEC_Context* context,
                                      TEEC_SharedMemory* sharedMem); /* §4.5.5 */
void TEEC_ReleaseSharedMemory(TEEC_SharedMemory* sharedMem);         /* §4.5.6 */
TEEC_Result TEEC_OpenSession(TEEC_Context* context,
                             TEEC_Session* session,
                             const TEEC_UUID* destination,
                             uint32_t connectionMethod,
                             const void* connectionData,
                             TEEC_Operation* operation,
                             uint32_t* returnOrigin); /* §4.5.7 */
void TEEC_CloseSession(TEEC_Session* session);        /* §4.5.8 */
TEEC_Result TEEC_InvokeCommand(TEEC_Session* session,
                               uint32_t commandID,
                               TEEC_Operation* operation,
                               uint32_t* returnOrigin);   /* §4.5.9 */
void TEEC_RequestCancellation(TEEC_Operation* operation); /* §4.5.10 */
// NOLINTEND(modernize-use-using,readability-identifier-naming)

#ifdef __cplusplus
}
#endif
#endif
