#include "crypto/aead.hpp"

#ifndef AUTHEX_WITH_AES
#define AUTHEX_WITH_AES 1
#endif
#ifndef AUTHEX_WITH_SPONGENT
#define AUTHEX_WITH_SPONGENT 1
#endif
#if AUTHEX_WITH_AES
#include "crypto/aes_gcm.hpp"
#endif
#if AUTHEX_WITH_SPONGENT
#include "crypto/spongent.hpp"
#endif

namespace authex::crypto {

static_assert(AUTHEX_WITH_AES || AUTHEX_WITH_SPONGENT, "an image needs one algorithm at least");

bool supported(Algorithm algorithm) {
    switch (algorithm) {
    case Algorithm::aes_128_gcm:
    case Algorithm::aes_256_gcm:
        return AUTHEX_WITH_AES != 0;
    case Algorithm::spongent_128:
        return AUTHEX_WITH_SPONGENT != 0;
    }
    return false;
}

void AeadKey::clear() {
    wipe(state_);
    is_set_ = false;
}

Error AeadKey::set(Algorithm algorithm, ByteView key) {
    clear();
    if (!supported(algorithm)) {
        return Error::unsupported;
    }
    if (key.size() != key_bytes(algorithm)) {
        return Error::malformed;
    }
    algorithm_ = algorithm;
#if AUTHEX_WITH_SPONGENT
    if (algorithm == Algorithm::spongent_128) {
        copy(key, state_);
    }
#endif
#if AUTHEX_WITH_AES
    if (algorithm != Algorithm::spongent_128) {
        aes_gcm::set(key, state_);
    }
#endif
    is_set_ = true;
    return Error::none;
}

Error AeadKey::seal(NonceView nonce, ByteView associated, Bytes body, Tag tag) {
    if (!is_set_) {
        return Error::not_attested;
    }
#if AUTHEX_WITH_SPONGENT
    if (algorithm_ == Algorithm::spongent_128) {
        spongent::wrap(spongent::KeyView(state_, spongent::key_bytes), associated, body, tag);
        return Error::none;
    }
#endif
#if AUTHEX_WITH_AES
    aes_gcm::seal(state_, nonce, associated, body, tag);
#else
    (void)nonce;
#endif
    return Error::none;
}

Error AeadKey::open(NonceView nonce, ByteView associated, Bytes body, TagView tag) {
    if (!is_set_) {
        return Error::not_attested;
    }
    bool verified = false;
#if AUTHEX_WITH_SPONGENT
    if (algorithm_ == Algorithm::spongent_128) {
        verified =
            spongent::unwrap(spongent::KeyView(state_, spongent::key_bytes), associated, body, tag);
    }
#endif
#if AUTHEX_WITH_AES
    if (algorithm_ != Algorithm::spongent_128) {
        verified = aes_gcm::open(state_, nonce, associated, body, tag);
    }
#else
    (void)nonce;
#endif
    return verified ? Error::none : Error::forged;
}

} // namespace authex::crypto
