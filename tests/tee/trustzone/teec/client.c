/* A client program in C, as the GP TEE Client API 1.0 has them, linked against libteec.
       client UUID COUNT       opens the TA, asks it COUNT times to take nothing, and tries what is
   wrong */
#include <stdlib.h>
#include <string.h>

#include "client_program.h"

/* Parameter 1 is temporary memory, as most clients have it; the others are registered. */
static void invoke_all(TEEC_Session* session, TEEC_SharedMemory* memory, int count) {
    static uint8_t out[256 * 1024];
    uint32_t origin = 0;
    for (int i = 0; i < count; ++i) {
        TEEC_Operation operation;
        memset(&operation, 0, sizeof operation);
        operation.paramTypes = TEEC_PARAM_TYPES(
            TEEC_MEMREF_PARTIAL_INPUT, TEEC_MEMREF_TEMP_OUTPUT, TEEC_VALUE_OUTPUT, TEEC_NONE);
        operation.params[0].memref.parent = memory;
        operation.params[0].memref.size = 4; /* no whole frame */
        operation.params[0].memref.offset = 8;
        operation.params[1].tmpref.buffer = out;
        operation.params[1].tmpref.size = sizeof out;
        expect("invoke", TEEC_InvokeCommand(session, 1, &operation, &origin), TEEC_SUCCESS);
        expect("taken", operation.params[2].value.a, 0);
        expect("given", (TEEC_Result)operation.params[1].tmpref.size, 0);
    }
    TEEC_Operation none;
    memset(&none, 0, sizeof none);
    TEEC_RequestCancellation(&none);
    expect(
        "no parameters", TEEC_InvokeCommand(session, 1, &none, &origin), TEEC_ERROR_BAD_PARAMETERS);
    expect("no command", TEEC_InvokeCommand(session, 7, &none, &origin), TEEC_ERROR_NOT_SUPPORTED);
    none.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_PARTIAL_INPUT, TEEC_NONE, TEEC_NONE, TEEC_NONE);
    none.params[0].memref.parent = memory;
    none.params[0].memref.size = memory->size;
    none.params[0].memref.offset = 1;
    expect("outside", TEEC_InvokeCommand(session, 1, &none, &origin), TEEC_ERROR_BAD_PARAMETERS);
    expect("who says so", origin, TEEC_ORIGIN_API);
}

int main(int count, char** words) {
    TEEC_Context context;
    TEEC_Session session;
    TEEC_SharedMemory memory;
    TEEC_UUID uuid;
    uint32_t origin = 0;
    if (count != 3 || !parse_uuid(words[1], &uuid)) {
        return 2;
    }
    memset(&memory, 0, sizeof memory);
    expect("context", TEEC_InitializeContext(NULL, &context), TEEC_SUCCESS);
    memory.size = 4096;
    memory.flags = TEEC_MEM_INPUT;
    expect("memory", TEEC_AllocateSharedMemory(&context, &memory), TEEC_SUCCESS);
    uuid.timeLow ^= 1;
    expect("another TA",
           TEEC_OpenSession(&context, &session, &uuid, TEEC_LOGIN_PUBLIC, NULL, NULL, &origin),
           TEEC_ERROR_ITEM_NOT_FOUND);
    uuid.timeLow ^= 1;
    for (int round = 0; round < 2; ++round) {
        expect("open",
               TEEC_OpenSession(&context, &session, &uuid, TEEC_LOGIN_PUBLIC, NULL, NULL, &origin),
               TEEC_SUCCESS);
        invoke_all(&session, &memory, atoi(words[2]));
        TEEC_CloseSession(&session);
    }
    TEEC_ReleaseSharedMemory(&memory);
    TEEC_FinalizeContext(&context);
    return failures == 0 ? 0 : 1;
}
