#include "crypto/x25519.hpp"

#include <bearssl/bearssl_ec.h>

#include "base/bytes.hpp"

namespace authex::crypto {
Error x25519(DhKeyView secret, DhKeyView point, std::span<std::uint8_t, dh_bytes> shared) {
    DhKey scalar{}; // BearSSL clamps its own copy; both are little-endian as in RFC 7748
    copy(secret, scalar);
    copy(point, shared);
    br_ec_c25519_m31.mul(shared.data(), dh_bytes, scalar.data(), dh_bytes, BR_EC_curve25519);
    wipe(scalar);
    constexpr DhKey zero{};
    return equal_constant_time(shared, zero) ? Error::malformed : Error::none;
}

void x25519_public(DhKeyView secret, std::span<std::uint8_t, dh_bytes> public_key) {
    constexpr DhKey base_point = {9};
    (void)x25519(secret, base_point, public_key); // the base point has prime order: never zero
}

} // namespace authex::crypto
