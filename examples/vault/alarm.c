/* Rings when the vault has refused too often. How often that is, the configuration says. */
#include <authex/module.h>

AUTHEX_STATE static uint32_t refusals;
AUTHEX_STATE static uint8_t rings;

AUTHEX_INPUT(refused, event) {
    const uint8_t* text;
    size_t size;
    uint64_t limit;
    ++refusals;
    if (authex_config("limit", &text, &size) != AUTHEX_OK ||
        authex_number(text, size, &limit) != AUTHEX_OK) {
        authex_log_text(AUTHEX_LOG_ERROR, "the limit is not configured");
        return;
    }
    if (refusals >= limit && !rings) {
        rings = 1;
        authex_log_text(AUTHEX_LOG_WARNING, "alarm");
    }
}

AUTHEX_HANDLER(read, request) {
    authex_put(request, &rings, 1);
    authex_put_u32(request, refusals);
}
