#include "crypto/hmac.hpp"

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_hmac.h>

namespace authex::crypto {

Hash hmac_sha256(ByteView key, ByteView data) {
    Hash hash{};
    br_hmac_key_context key_context;
    br_hmac_context context;
    br_hmac_key_init(&key_context, &br_sha256_vtable, key.data(), key.size());
    br_hmac_init(&context, &key_context, 0);
    br_hmac_update(&context, data.data(), data.size());
    br_hmac_out(&context, hash.data());
    wipe({reinterpret_cast<std::uint8_t*>(&key_context), sizeof key_context});
    wipe({reinterpret_cast<std::uint8_t*>(&context), sizeof context});
    return hash;
}

} // namespace authex::crypto
