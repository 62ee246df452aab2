// Diffie and Hellman's exchange modulo 2^61 - 1 in the place of X25519, which would take a third of
// the time of a run. It commutes, which is all that a handshake needs of it; no simulated attacker
// computes logarithms, and X25519 is tested elsewhere (tests/crypto). Put in its place by the
// linker.
#include <cstdint>

#include "base/bytes.hpp"
#include "crypto/x25519.hpp"

namespace authex::simulation {
namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::uint64_t prime = (std::uint64_t{1} << 61U) - 1;

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
    std::uint64_t result = 1;
    for (base %= prime; exponent != 0; exponent >>= 1U) {
        if ((exponent & 1U) != 0) {
            result = static_cast<std::uint64_t>(Wide{result} * base % prime);
        }
        base = static_cast<std::uint64_t>(Wide{base} * base % prime);
    }
    return result;
}

Error exchange(ByteView secret, std::uint64_t point, Bytes shared) {
    const std::uint64_t result = power(point, Reader(secret).u64() | 1U);
    wipe(shared);
    Writer(shared).u64(result);
    return result == 0 ? Error::malformed : Error::none;
}

} // namespace
} // namespace authex::simulation

// The names that --wrap gives (Itanium C++ ABI).
extern "C" {
authex::Error __wrap__ZN6authex6crypto6x25519ESt4spanIKhLm32EES3_S1_IhLm32EE(
    authex::crypto::DhKeyView secret,
    authex::crypto::DhKeyView point,
    std::span<std::uint8_t, authex::crypto::dh_bytes> shared) {
    return authex::simulation::exchange(secret, authex::Reader(point).u64(), shared);
}
void __wrap__ZN6authex6crypto13x25519_publicESt4spanIKhLm32EES1_IhLm32EE(
    authex::crypto::DhKeyView secret,
    std::span<std::uint8_t, authex::crypto::dh_bytes> public_key) {
    constexpr std::uint64_t generator = 37; // of the whole group
    (void)authex::simulation::exchange(secret, generator, public_key);
}
}
