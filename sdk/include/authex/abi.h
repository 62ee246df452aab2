/* What a module and the runtime say to each other: plain C, so that every language can stand on it.
 *
 * Module authors include <authex/module.hpp> (C++20) or <authex/module.h> (C11) instead. */
#ifndef AUTHEX_ABI_H
#define AUTHEX_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an endpoint is. Values are stable: the builder reads them from the image. */
enum {
    AUTHEX_KIND_OUTPUT = 1,
    AUTHEX_KIND_INPUT = 2,
    AUTHEX_KIND_REQUEST = 3,
    AUTHEX_KIND_HANDLER = 4,
    AUTHEX_KIND_ENTRY = 5,
    AUTHEX_KIND_TIMER = 6,
    AUTHEX_KIND_STREAM = 7,
    AUTHEX_KIND_INTERRUPT = 8, /* of a device that the module owns (device.h) */
    AUTHEX_KIND_STATE = 9,     /* the version of the module's state; not a place to connect to */
    AUTHEX_KIND_EVIDENCE = 10 /* of a key that the module has made: answers no data with a report on
                                it, or with nothing where it needs none; takes the evidence that
                                the node makes of the report */
};

/* Status of a call into the runtime; the values are those of authex::Error that a module can see.
 */
typedef enum authex_status {
    AUTHEX_OK = 0,
    AUTHEX_TOO_LARGE = 5,  /* the body is larger than this TEE's largest */
    AUTHEX_WRONG_ROLE = 7, /* the endpoint is not of the kind that the call needs */
    AUTHEX_EXHAUSTED =
        11, /* the connection's counter is at its limit: the owner must turn the epoch */
    AUTHEX_NO_CONNECTION = 12, /* nothing is connected. For outputs this is no failure */
    AUTHEX_NO_SPACE =
        13, /* what one event may send is used up: nothing was sent, go on from a timer */
    AUTHEX_NOT_ATTESTED = 14, /* random bytes before the owner has given a seed */
    AUTHEX_UNSUPPORTED = 16,  /* left out of the runtime of this TEE */
    AUTHEX_FAILED = 20,       /* the other side answered that it failed */
    AUTHEX_UNANSWERED = 21,   /* no reply will come: the owner changed the connection, or it was
                                 lost on one that may lose */
    AUTHEX_NOT_SET = 22       /* the owner has given no value of this name */
} authex_status;

/* What a value is that the owner gives to a module. A name of one kind is none of the other. */
enum { AUTHEX_CONFIG = 0, AUTHEX_SECRET = 1 };

/* What happened on a stream. */
enum {
    AUTHEX_STREAM_LISTENING = 1, /* `id` is the port that is bound */
    AUTHEX_STREAM_REFUSED = 2,   /* listening failed (port in use …) */
    AUTHEX_STREAM_OPENED = 3,
    AUTHEX_STREAM_DATA = 4,
    AUTHEX_STREAM_CLOSED = 5
};

/* Why the function of an interrupt is called; both may be. */
enum {
    AUTHEX_INTERRUPT_START = 1, /* once, first of all: the device is to be set up */
    AUTHEX_INTERRUPT_RAISED = 2 /* `data` is one byte, the device's flags that were set since */
};

/* Log levels, in the channel field of log frames. */
enum { AUTHEX_LOG_ERROR = 0, AUTHEX_LOG_WARNING = 1, AUTHEX_LOG_INFO = 2, AUTHEX_LOG_DEBUG = 3 };

/* One thing that reached the module. Borrowed: valid until the function that got it returns. */
struct authex_message {
    const uint8_t* data;
    size_t size;
    uint64_t id; /* request and reply: the request's id; stream: its number; listening: the port */
    uint64_t time_us;   /* timer: the untrusted world's clock in microseconds; else 0 */
    uint8_t* result;    /* handler and entry: room for the answer */
    size_t result_room; /* its size in bytes */
    size_t result_size; /* set by the module: bytes of the answer */
    uint8_t status;     /* reply: AUTHEX_OK, _FAILED or _UNANSWERED; handler and entry: set by the
                           module */
    uint8_t what;       /* stream: AUTHEX_STREAM_…; interrupt: AUTHEX_INTERRUPT_… */
    const char*
        name; /* state: of the variable, of which `data` is the bytes and `id` the version */
    size_t name_size;
#if UINTPTR_MAX != 0xFFFF
    uint32_t missed; /* event and request: how many before it came too late and were not given on */
    uint8_t late;    /* event and request: it is older than its connection's deadline */
#endif
};

/* A power of two on small processors, so that an index is a shift. */
#if UINTPTR_MAX == 0xFFFF
#define AUTHEX_ENDPOINT_ALIGNMENT 8
#else
#define AUTHEX_ENDPOINT_ALIGNMENT sizeof(void*)
#endif

/* One endpoint. The macros place these records in the section `authex_endpoints`; an endpoint's id
 * is its index there. `function` is called with what reached it; null for outputs. */
struct authex_endpoint {
    const char* name;
    void (*function)(struct authex_message* message);
    uintptr_t kind;
} __attribute__((aligned(AUTHEX_ENDPOINT_ALIGNMENT)));

/* Sends `data` on every connection of an output: on all of them or, where one does not fit, on
 * none. */
authex_status authex_output(const struct authex_endpoint* output, const uint8_t* data, size_t size);
/* Sends a request; its id comes back with the reply. Its function is called exactly once for each
 * request that was sent, in their order, unless the other side never answers; ids begin at 0 again
 * when the owner turns the connection's epoch, after what was open then is AUTHEX_UNANSWERED. */
authex_status authex_request(const struct authex_endpoint* request,
                             const uint8_t* data,
                             size_t size,
                             uint64_t* id);
/* Arms a timer, replacing what was armed; never out of room. 0: as soon as the events already
 * waiting are handled. Delays are a wish to the untrusted world. */
authex_status authex_timer_start(const struct authex_endpoint* timer, uint64_t delay_us);
void authex_timer_stop(const struct authex_endpoint* timer);
/* The time for connections whose deadline goes by the modules' clock, in microseconds since
 * whenever they all count from. Only an authentic event should say it; it never goes back. */
void authex_set_clock(uint64_t now_us);
/* Asks the node to listen on a TCP port (0: any free one); answered by AUTHEX_STREAM_LISTENING or
 * _REFUSED. */
authex_status authex_stream_listen(const struct authex_endpoint* stream, uint16_t port);
/* The same, and its streams are pulled: the node reads from a client only what authex_stream_pull
 * has asked for. So a module takes as many clients at a time as it has room for, and the others
 * wait. */
authex_status authex_stream_listen_pulled(const struct authex_endpoint* stream, uint16_t port);
/* Asks for the next piece of a pulled stream: one AUTHEX_STREAM_DATA of 16 KiB at most, or
 * AUTHEX_STREAM_CLOSED, comes as soon as the client has sent something. */
authex_status authex_stream_pull(const struct authex_endpoint* stream, uint64_t id);
authex_status authex_stream_write(const struct authex_endpoint* stream,
                                  uint64_t id,
                                  const uint8_t* data,
                                  size_t size);
authex_status authex_stream_close(const struct authex_endpoint* stream, uint64_t id);
/* Leaves a line in the node's log, readable by the node: never a secret. Dropped where there is no
 * room. */
void authex_log(uint8_t level, const char* text, size_t size);
/* Random bytes from a generator that the owner seeded when the module was attested; before that
 * AUTHEX_NOT_ATTESTED, and zeros. */
__attribute__((warn_unused_result)) authex_status authex_random(uint8_t* out, size_t size);
/* The value of `config:` or `secrets:` in the descriptor, as the owner gave it last; it came
 * sealed, after attestation, and before anything was connected. `data` is valid until the function
 * that asked returns. AUTHEX_NOT_SET, and no bytes: none of this kind and name. */
__attribute__((warn_unused_result)) authex_status
authex_value(uint8_t kind, const char* name, size_t name_size, const uint8_t** data, size_t* size);
/* A report of the TEE on this module, of which its node can make evidence. The report data are the
 * SHA-256 of `data`, which must not begin as those of a handshake do: nobody makes a module vouch
 * for a handshake that is not its own. Returns the report's bytes; 0: such data, less room than a
 * report needs, or a TEE that makes none. */
size_t authex_report(const uint8_t* data, size_t size, uint8_t* report, size_t room);

#ifdef __cplusplus
}
#endif

/* Places the record of an endpoint. `function` may be null. */
#define AUTHEX_RECORD(name, kind, function)                                                        \
    __attribute__((used,                                                                           \
                   retain,                                                                         \
                   section("authex_endpoints"),                                                    \
                   aligned(AUTHEX_ENDPOINT_ALIGNMENT))) static const struct authex_endpoint        \
        authex_endpoint_##name = {#name, function, kind}

/* Marks a variable as module state: it goes over to the instance that takes this one's place when
 * the module is updated or moved. Numbers of fixed width, arrays and structs of them; no pointers.
 *   AUTHEX_STATE static uint32_t presses; */
#define AUTHEX_STATE __attribute__((used, retain, section("authex_state")))
/* Which version the state has that this source declares; 0 where nothing is said. A variable goes
 * over by itself where version, name and size are the same; else the module takes it itself
 * (AUTHEX_MIGRATE in module.hpp and module.h), or `authex update` refuses to begin.
 *   AUTHEX_STATE_VERSION(2); */
#define AUTHEX_STATE_VERSION(version) AUTHEX_STATE_RECORD(version, NULL)
#define AUTHEX_STATE_RECORD(version, migrate)                                                      \
    __attribute__((used,                                                                           \
                   retain,                                                                         \
                   section("authex_endpoints"),                                                    \
                   aligned(AUTHEX_ENDPOINT_ALIGNMENT))) static const struct authex_endpoint        \
        authex_state_version = {"state " #version, migrate, AUTHEX_KIND_STATE}

#endif
