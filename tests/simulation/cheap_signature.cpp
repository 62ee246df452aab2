// Hashes in the place of Ed25519's signatures, which would take an eighth of the time of a run. Who
// has the public key can make them; no simulated attacker does, and the signatures are tested
// elsewhere (tests/tee/native). Put in OpenSSL's place by the linker.
#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "crypto/kdf.hpp"
#include "tee/native/evidence.hpp"

namespace authex::simulation {
namespace {

using Signature = std::array<std::uint8_t, tee::native::signature_bytes>;

EVP_PKEY* signer = nullptr; ///< of the operation that was begun

Signature signature_of(ByteView message) {
    std::array<std::uint8_t, tee::native::evidence_key_bytes> key{};
    std::size_t size = key.size();
    (void)EVP_PKEY_get_raw_public_key(signer, key.data(), &size);
    const crypto::Hash hash = crypto::sha256(key, message);
    Signature signature{};
    std::copy(hash.rbegin(), hash.rend(), std::copy(hash.begin(), hash.end(), signature.begin()));
    return signature;
}

} // namespace
} // namespace authex::simulation

// The names that --wrap gives.
extern "C" {
int __wrap_EVP_DigestSignInit(EVP_MD_CTX*, EVP_PKEY_CTX**, const EVP_MD*, ENGINE*, EVP_PKEY* key) {
    authex::simulation::signer = key;
    return 1;
}
int __wrap_EVP_DigestSign(EVP_MD_CTX*,
                          std::uint8_t* signature,
                          std::size_t* signature_bytes,
                          const std::uint8_t* message,
                          std::size_t bytes) {
    const auto made = authex::simulation::signature_of({message, bytes});
    std::copy(made.begin(), made.end(), signature);
    *signature_bytes = made.size();
    return 1;
}
int __wrap_EVP_DigestVerifyInit(
    EVP_MD_CTX*, EVP_PKEY_CTX**, const EVP_MD*, ENGINE*, EVP_PKEY* key) {
    authex::simulation::signer = key;
    return 1;
}
int __wrap_EVP_DigestVerify(EVP_MD_CTX*,
                            const std::uint8_t* signature,
                            std::size_t signature_bytes,
                            const std::uint8_t* message,
                            std::size_t bytes) {
    const auto right = authex::simulation::signature_of({message, bytes});
    return std::equal(right.begin(), right.end(), signature, signature + signature_bytes) ? 1 : 0;
}
}
