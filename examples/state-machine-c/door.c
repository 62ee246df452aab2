/* A door in C11: closed, open, locked. A refused command changes nothing and is told to the panel.
 */
#include <authex/module.h>

enum state { CLOSED, OPEN, LOCKED };
enum command { COMMAND_OPEN = 1, COMMAND_CLOSE, COMMAND_LOCK, COMMAND_UNLOCK };

AUTHEX_OUTPUT(changed);
AUTHEX_STATE static uint8_t state;

static int next_state(uint8_t command) {
    switch (state) {
    case CLOSED:
        return command == COMMAND_OPEN ? OPEN : command == COMMAND_LOCK ? LOCKED : -1;
    case OPEN:
        return command == COMMAND_CLOSE ? CLOSED : -1;
    case LOCKED:
        return command == COMMAND_UNLOCK ? CLOSED : -1;
    default:
        return -1;
    }
}

AUTHEX_HANDLER(command, request) {
    const int next = request->size == 1 ? next_state(request->data[0]) : -1;
    if (next < 0) {
        authex_log_text(AUTHEX_LOG_WARNING, "command refused");
        request->status = AUTHEX_FAILED;
        return;
    }
    state = (uint8_t)next;
    authex_send(changed, &state, 1);
    authex_put(request, &state, 1);
}
