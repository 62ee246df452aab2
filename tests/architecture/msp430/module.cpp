// A module with one endpoint of each kind that the small runtime carries.
#include <authex/module.hpp>

AUTHEX_STATE static bool lit;

AUTHEX_OUTPUT(changed);
AUTHEX_INPUT(set, event) {
    lit = event.data.size() == 1;
    changed(event.data);
}
AUTHEX_HANDLER(read_state, request, reply) {
    reply.bytes(request.data);
}
AUTHEX_ENTRY(init, call) {
    call.result.bytes(call.data);
}
