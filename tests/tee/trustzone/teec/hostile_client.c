/* A hostile client of a module's TA.
       hostile_client UUID FRAME WHAT
   FRAME is a file with a frame that the module answers with one of its own; WHAT is one of the
   functions at the end. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client_program.h"

enum { invoke = 1, room_bytes = 256 * 1024, frames = 8 };

uint64_t authex_system_calls(void); /* teec_double.cpp */

static TEEC_Context context;
static TEEC_Session session;
static TEEC_UUID uuid;
static uint8_t frame[4096];
static size_t frame_bytes;
static uint8_t in[frames * sizeof frame];
static uint8_t out[room_bytes];

static TEEC_Operation frames_of(void* from, size_t bytes, void* to, size_t room) {
    TEEC_Operation operation;
    memset(&operation, 0, sizeof operation);
    operation.paramTypes = TEEC_PARAM_TYPES(
        TEEC_MEMREF_TEMP_INPUT, TEEC_MEMREF_TEMP_OUTPUT, TEEC_VALUE_OUTPUT, TEEC_NONE);
    operation.params[0].tmpref.buffer = from;
    operation.params[0].tmpref.size = bytes;
    operation.params[1].tmpref.buffer = to;
    operation.params[1].tmpref.size = room;
    return operation;
}

static TEEC_Result ask(TEEC_Operation* operation) {
    return TEEC_InvokeCommand(&session, invoke, operation, NULL);
}

/* It answers as if nothing had been. */
static void is_sound(void) {
    TEEC_Operation operation = frames_of(frame, frame_bytes, out, sizeof out);
    expect("an honest frame", ask(&operation), TEEC_SUCCESS);
    expect("taken", operation.params[2].value.a, (uint32_t)frame_bytes);
    expect("answered", operation.params[2].value.b >= frame_bytes, 1);
    expect("size", (uint32_t)operation.params[1].tmpref.size, operation.params[2].value.b);
}

static atomic_bool over;

static void* flip(void* unused) {
    uint32_t noise = 1;
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        noise = noise * 1664525U + 1013904223U;
        uint8_t* const byte = in + noise % (frames * frame_bytes);
        __atomic_store_n(byte, (uint8_t)(*byte ^ (1U << (noise >> 29U))), __ATOMIC_RELAXED);
    }
    return unused;
}

static void changes_memory_during_calls(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, flip, NULL);
    for (int i = 0; i < 20000 && failures == 0; ++i) {
        for (size_t at = 0; i % 4 == 0 && at < frames * frame_bytes; ++at) {
            __atomic_store_n(&in[at], frame[at % frame_bytes], __ATOMIC_RELAXED);
        }
        TEEC_Operation operation = frames_of(in, frames * frame_bytes, out, sizeof out);
        expect("a changing frame", ask(&operation), TEEC_SUCCESS);
        expect("no more than given", operation.params[2].value.a <= frames * frame_bytes, 1);
        expect("no more than room", operation.params[2].value.b <= sizeof out, 1);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

static void gives_wrong_types(void) {
    static const uint32_t kinds[] = {TEEC_NONE,
                                     TEEC_VALUE_INPUT,
                                     TEEC_VALUE_OUTPUT,
                                     TEEC_VALUE_INOUT,
                                     TEEC_MEMREF_TEMP_INPUT,
                                     TEEC_MEMREF_TEMP_OUTPUT,
                                     TEEC_MEMREF_TEMP_INOUT};
    enum { count = sizeof kinds / sizeof *kinds };
    for (int i = 0; i < count * count * count * count; ++i) {
        TEEC_Operation operation = frames_of(frame, frame_bytes, out, sizeof out);
        const uint32_t right = operation.paramTypes;
        operation.paramTypes = TEEC_PARAM_TYPES(kinds[i % count],
                                                kinds[i / count % count],
                                                kinds[i / count / count % count],
                                                kinds[i / count / count / count]);
        if (operation.paramTypes != right) {
            expect("wrong types", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
        }
    }
}

static void gives_no_or_huge_sizes(void) {
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, (size_t)1 << 63U, (size_t)1 << 47U};
    TEEC_Operation operation = frames_of(NULL, 0, NULL, 0);
    expect("nothing", ask(&operation), TEEC_SUCCESS);
    expect("taken of nothing", operation.params[2].value.a, 0);
    operation = frames_of(frame, frame_bytes, out, 0);
    expect("no room", ask(&operation), TEEC_SUCCESS);
    expect("left", operation.params[2].value.a, 0);
    operation = frames_of(frame, 1, out, 1);
    expect("a byte", ask(&operation), TEEC_SUCCESS);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        operation = frames_of(frame, sizes[i], out, sizeof out);
        expect("huge", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
        operation = frames_of(frame, frame_bytes, out, sizes[i]);
        expect("huge room", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
        operation = frames_of(NULL, sizes[i], out, sizeof out);
        expect("huge null", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
    }
}

static void gives_null(void) {
    TEEC_Operation operation = frames_of(NULL, frame_bytes, out, sizeof out);
    expect("null in", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
    operation = frames_of(frame, frame_bytes, NULL, sizeof out);
    expect("null out", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
}

static void invokes_without_a_session(void) {
    TEEC_Session none;
    memset(&none, 0, sizeof none);
    TEEC_Operation operation = frames_of(frame, frame_bytes, out, sizeof out);
    expect("no session",
           TEEC_InvokeCommand(&none, invoke, &operation, NULL),
           TEEC_ERROR_BAD_PARAMETERS);
    TEEC_CloseSession(&none);
    is_sound();
    TEEC_CloseSession(&session);
    operation = frames_of(frame, frame_bytes, out, sizeof out);
    expect("closed", ask(&operation), TEEC_ERROR_BAD_PARAMETERS);
    TEEC_CloseSession(&session);
    expect("again", open_session(&context, &session, &uuid), TEEC_SUCCESS);
}

static void* ask_often(void* unused) {
    static uint8_t own[room_bytes];
    for (int i = 0; i < 2000; ++i) {
        TEEC_Operation operation = frames_of(frame, frame_bytes, own, sizeof own);
        expect("beside", ask(&operation), TEEC_SUCCESS);
        expect("answered beside", operation.params[2].value.b >= frame_bytes, 1);
    }
    return unused;
}

/* A TA has one session, and is in one of its commands at a time. */
static void enters_again(void) {
    pthread_t thread;
    TEEC_Session second;
    expect("a second session", open_session(&context, &second, &uuid) != TEEC_SUCCESS, 1);
    pthread_create(&thread, NULL, ask_often, NULL);
    for (int i = 0; i < 2000; ++i) {
        is_sound();
    }
    pthread_join(thread, NULL);
}

static void* cancel(void* operation) {
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        TEEC_RequestCancellation(operation);
    }
    return NULL;
}

static void cancels(void) {
    pthread_t thread;
    static TEEC_Operation operation;
    pthread_create(&thread, NULL, cancel, &operation);
    for (int i = 0; i < 5000; ++i) {
        operation = frames_of(frame, frame_bytes, out, sizeof out);
        expect("cancelled", ask(&operation), TEEC_SUCCESS);
        expect("answered nevertheless", operation.params[2].value.b >= frame_bytes, 1);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

/* The frame's answer ends with what a wait gave that may be cancelled. */
static void ends_a_wait(void) {
    pthread_t thread;
    static TEEC_Operation operation;
    uint32_t result = 0;
    pthread_create(&thread, NULL, cancel, &operation);
    operation = frames_of(frame, frame_bytes, out, sizeof out);
    expect("wait", ask(&operation), TEEC_SUCCESS);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    memcpy(&result, out + operation.params[2].value.b - sizeof result, sizeof result);
    expect("cancelled", result, 0xFFFF0002U);
}

/* No hostility: what an event costs. */
static void needs_no_call_of_the_tee(void) {
    const uint64_t before = authex_system_calls();
    for (int i = 0; i < 1000; ++i) {
        is_sound();
    }
    expect("calls", (TEEC_Result)(authex_system_calls() - before), 0);
    expect("calls at the start", before != 0, 1);
}

static const struct {
    const char* name;
    void (*function)(void);
} all[] = {{"changes-memory-during-calls", changes_memory_during_calls},
           {"gives-wrong-types", gives_wrong_types},
           {"gives-no-or-huge-sizes", gives_no_or_huge_sizes},
           {"gives-null", gives_null},
           {"invokes-without-a-session", invokes_without_a_session},
           {"enters-again", enters_again},
           {"cancels", cancels},
           {"ends-a-wait", ends_a_wait},
           {"needs-no-call-of-the-tee", needs_no_call_of_the_tee}};

int main(int count, char** words) {
    FILE* const file = count == 4 && parse_uuid(words[1], &uuid) ? fopen(words[2], "rb") : NULL;
    if (file == NULL) {
        return 2;
    }
    frame_bytes = fread(frame, 1, sizeof frame, file);
    fclose(file);
    expect("context", TEEC_InitializeContext(NULL, &context), TEEC_SUCCESS);
    expect("open", open_session(&context, &session, &uuid), TEEC_SUCCESS);
    size_t i = 0;
    while (i < sizeof all / sizeof *all && strcmp(all[i].name, words[3]) != 0) {
        ++i;
    }
    if (i == sizeof all / sizeof *all) {
        return 2;
    }
    const bool answers_at_once = all[i].function != ends_a_wait;
    if (answers_at_once) {
        is_sound();
    }
    all[i].function();
    if (answers_at_once) {
        is_sound();
    }
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
    return failures == 0 ? 0 : 1;
}
