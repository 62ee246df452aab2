// Opens for who knows the code. The code is a secret of the descriptor: it is in no image and on no
// node, and the owner can change it while the vault runs.
#include <authex/module.hpp>

AUTHEX_OUTPUT(refused);

AUTHEX_HANDLER(open, request, reply) {
    const authex::Value code = authex::secret("code");
    if (!code.ok() || !authex::equal_constant_time(request.data, code.bytes)) {
        refused();
        request.fail();
        return;
    }
    authex::log_info("open");
    reply.u8(1);
}
