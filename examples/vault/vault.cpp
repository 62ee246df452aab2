// Opens for who knows the code. The code is a secret of the descriptor: it is in no image and on no
// node, and the owner can change it while the vault runs.
#include <authex/module.hpp>

AUTHEX_OUTPUT(refused);

/// In time that does not tell how much of it is right.
static bool is_equal(authex::ByteView given, authex::ByteView right) {
    if (given.size() != right.size()) {
        return false;
    }
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < right.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (given[i] ^ right[i]));
    }
    return difference == 0;
}

AUTHEX_HANDLER(open, request, reply) {
    const authex::Value code = authex::secret("code");
    if (!code.ok() || !is_equal(request.data, code.bytes)) {
        refused();
        request.fail();
        return;
    }
    authex::log_info("open");
    reply.u8(1);
}
