/* The SDK for modules in C11. An endpoint is declared once, at file scope:
 *
 *     AUTHEX_OUTPUT(pressed);                      authex_send(pressed, data, size);
 *     AUTHEX_INPUT(toggle, event) { … event->data, event->size … }
 *     AUTHEX_SAFE_STATE() { … }                    of a driver: an input that the owner sends to
 *                                                  when a module before it can no longer be trusted
 *     AUTHEX_CLOCK()                               takes the time, for connections with deadlines
 *     AUTHEX_REQUEST(get_count);                   authex_ask(get_count, data, size, &id);
 *     AUTHEX_REPLY(get_count, reply) { … reply->id, reply->status, reply->data … }
 *     AUTHEX_HANDLER(read_count, request) { authex_put_u32(request, count); }
 *     AUTHEX_ENTRY(init, call) { … }
 *     AUTHEX_TIMER(tick, timer) { … }              authex_start(tick, 500000);
 *     AUTHEX_STREAM(http, stream) { … stream->what, stream->id … }   authex_listen(http, 8080);
 *     const uint8_t* data; size_t size;   authex_config("limit", &data, &size), authex_secret(…)
 */
#ifndef AUTHEX_MODULE_H
#define AUTHEX_MODULE_H

#include "abi.h"

#define AUTHEX_ENDPOINT_WITH_FUNCTION(name, kind, argument)                                        \
    static void authex_on_##name(struct authex_message* argument);                                 \
    AUTHEX_RECORD(name, kind, authex_on_##name);                                                   \
    static void authex_on_##name(__attribute__((unused)) struct authex_message* argument)

#define AUTHEX_OUTPUT(name) AUTHEX_RECORD(name, AUTHEX_KIND_OUTPUT, NULL)
#define AUTHEX_INPUT(name, event) AUTHEX_ENDPOINT_WITH_FUNCTION(name, AUTHEX_KIND_INPUT, event)
#define AUTHEX_SAFE_STATE() AUTHEX_INPUT(safe_state, authex_safe_state)
/* As in module.hpp. */
#define AUTHEX_CLOCK()                                                                             \
    AUTHEX_INPUT(clock, authex_time) {                                                             \
        uint64_t now_us = 0;                                                                       \
        for (size_t i = 0; i < authex_time->size && i < sizeof now_us; ++i) {                      \
            now_us |= (uint64_t)authex_time->data[i] << (8U * i);                                  \
        }                                                                                          \
        if (authex_time->size == sizeof now_us) {                                                  \
            authex_set_clock(now_us);                                                              \
        }                                                                                          \
    }
#define AUTHEX_REQUEST(name)                                                                       \
    static void authex_on_##name(struct authex_message* reply);                                    \
    AUTHEX_RECORD(name, AUTHEX_KIND_REQUEST, authex_on_##name)
#define AUTHEX_REPLY(name, reply)                                                                  \
    static void authex_on_##name(__attribute__((unused)) struct authex_message* reply)
#define AUTHEX_HANDLER(name, request)                                                              \
    AUTHEX_ENDPOINT_WITH_FUNCTION(name, AUTHEX_KIND_HANDLER, request)
#define AUTHEX_ENTRY(name, call) AUTHEX_ENDPOINT_WITH_FUNCTION(name, AUTHEX_KIND_ENTRY, call)
#define AUTHEX_TIMER(name, timer) AUTHEX_ENDPOINT_WITH_FUNCTION(name, AUTHEX_KIND_TIMER, timer)
#define AUTHEX_STREAM(name, stream) AUTHEX_ENDPOINT_WITH_FUNCTION(name, AUTHEX_KIND_STREAM, stream)

/* The version of this source's state, and what it makes of each variable of another's: called once
 * for each, with its name, bytes (data) and version (id). Not taken: old->status = AUTHEX_FAILED.
 */
#define AUTHEX_MIGRATE(version, old)                                                               \
    static void authex_migrate(struct authex_message* old);                                        \
    AUTHEX_STATE_RECORD(version, authex_migrate);                                                  \
    static void authex_migrate(struct authex_message* old)
/* Whether that variable has this name. */
#define authex_is_named(old, literal) authex_has_name(old, literal, sizeof(literal) - 1)

#define authex_send(output, data, size) authex_output(&authex_endpoint_##output, data, size)
#define authex_ask(request, data, size, id)                                                        \
    authex_request(&authex_endpoint_##request, data, size, id)
#define authex_start(timer, delay_us) authex_timer_start(&authex_endpoint_##timer, delay_us)
#define authex_stop(timer) authex_timer_stop(&authex_endpoint_##timer)
#define authex_listen(stream, port) authex_stream_listen(&authex_endpoint_##stream, port)
#define authex_listen_pulled(stream, port)                                                         \
    authex_stream_listen_pulled(&authex_endpoint_##stream, port)
#define authex_pull(stream, id) authex_stream_pull(&authex_endpoint_##stream, id)
#define authex_write(stream, id, data, size)                                                       \
    authex_stream_write(&authex_endpoint_##stream, id, data, size)
#define authex_close(stream, id) authex_stream_close(&authex_endpoint_##stream, id)
#define authex_config(literal, data, size)                                                         \
    authex_value(AUTHEX_CONFIG, literal, sizeof(literal) - 1, data, size)
#define authex_secret(literal, data, size)                                                         \
    authex_value(AUTHEX_SECRET, literal, sizeof(literal) - 1, data, size)
#define authex_log_text(level, literal) authex_log(level, literal, sizeof(literal) - 1)

/* Reads decimal digits, as configuration has them. Not AUTHEX_OK, and nothing read: they are none,
 * or the number has more than 64 bits. */
__attribute__((warn_unused_result)) static inline authex_status
authex_number(const uint8_t* data, size_t size, uint64_t* number) {
    uint64_t value = 0;
    if (size == 0) {
        return AUTHEX_FAILED;
    }
    for (size_t i = 0; i < size; ++i) {
        const uint8_t digit = (uint8_t)(data[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return AUTHEX_FAILED;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return AUTHEX_OK;
}

#if UINTPTR_MAX != 0xFFFF
static inline int authex_has_name(const struct authex_message* old, const char* name, size_t size) {
    size_t same = 0;
    while (same < size && same < old->name_size && old->name[same] == name[same]) {
        ++same;
    }
    return same == size && same == old->name_size;
}
#endif

/* Little-endian unsigned integer of `width` bytes (≤ 8) at `offset` of a message; 0 where the
 * message is too short. */
static inline uint64_t
authex_get(const struct authex_message* message, size_t offset, size_t width) {
    uint64_t value = 0;
    if (offset > message->size || width > message->size - offset) {
        return 0;
    }
    for (size_t i = width; i > 0; --i) {
        value = (value << 8) | message->data[offset + i - 1];
    }
    return value;
}
static inline uint32_t authex_get_u32(const struct authex_message* message, size_t offset) {
    return (uint32_t)authex_get(message, offset, 4);
}
static inline uint16_t authex_get_u16(const struct authex_message* message, size_t offset) {
    return (uint16_t)authex_get(message, offset, 2);
}

/* Appends to the answer of a handler or entry. What does not fit makes the answer a failure. */
static inline void authex_put(struct authex_message* message, const uint8_t* data, size_t size) {
    if (size > message->result_room - message->result_size) {
        message->status = AUTHEX_FAILED;
        return;
    }
    for (size_t i = 0; i < size; ++i) {
        message->result[message->result_size++] = data[i];
    }
}
static inline void authex_put_u32(struct authex_message* message, uint32_t value) {
    const uint8_t bytes[4] = {
        (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    authex_put(message, bytes, sizeof bytes);
}

#endif
