/* What the client programs of these tests share. */
#ifndef AUTHEX_TEST_CLIENT_PROGRAM_H
#define AUTHEX_TEST_CLIENT_PROGRAM_H

#include <stdio.h>

#include "tee/trustzone/client/tee_client_api.h"

static int failures;

static inline void expect(const char* what, TEEC_Result found, TEEC_Result wanted) {
    if (found != wanted) {
        fprintf(stderr, "%s: %#x instead of %#x\n", what, found, wanted);
        ++failures;
    }
}

static inline int parse_uuid(const char* text, TEEC_UUID* uuid) {
    unsigned parts[11];
    if (sscanf(text,
               "%8x-%4x-%4x-%2x%2x-%2x%2x%2x%2x%2x%2x",
               &parts[0],
               &parts[1],
               &parts[2],
               &parts[3],
               &parts[4],
               &parts[5],
               &parts[6],
               &parts[7],
               &parts[8],
               &parts[9],
               &parts[10]) != 11) {
        return 0;
    }
    uuid->timeLow = parts[0];
    uuid->timeMid = (uint16_t)parts[1];
    uuid->timeHiAndVersion = (uint16_t)parts[2];
    for (int i = 0; i < 8; ++i) {
        uuid->clockSeqAndNode[i] = (uint8_t)parts[3 + i];
    }
    return 1;
}

static inline TEEC_Result
open_session(TEEC_Context* context, TEEC_Session* session, const TEEC_UUID* uuid) {
    uint32_t origin = 0;
    return TEEC_OpenSession(context, session, uuid, TEEC_LOGIN_PUBLIC, NULL, NULL, &origin);
}

#endif
