#include "crypto/aead.hpp"

#if AUTHEX_WITH_AES
#include "crypto/aes_gcm.hpp"
#endif
#if AUTHEX_SPONGENT_HARDWARE
#include "crypto/hardware.hpp"
#elif AUTHEX_WITH_SPONGENT
#include "crypto/spongent.hpp"
#endif

namespace authex::crypto {

#if AUTHEX_SPONGENT_HARDWARE
namespace spongent {
namespace {
constexpr std::size_t key_bytes = 16;
using KeyView = std::span<const std::uint8_t, key_bytes>;

void wrap(KeyView key, ByteView associated, Bytes body, Tag tag) {
    hardware::wrap(
        key.data(), associated.data(), associated.size(), body.data(), body.size(), tag.data());
}
bool unwrap(KeyView key, ByteView associated, Bytes body, TagView tag) {
    return hardware::unwrap(
        key.data(), associated.data(), associated.size(), body.data(), body.size(), tag.data());
}
} // namespace
} // namespace spongent
#endif

bool supported(Algorithm algorithm) {
    const bool aes = algorithm == Algorithm::aes_128_gcm || algorithm == Algorithm::aes_256_gcm;
    return aes ? with_aes : with_spongent && algorithm == Algorithm::spongent_128;
}

void AeadKey::clear() {
    wipe(state_);
    is_set_ = false;
}

Error AeadKey::set(Algorithm algorithm, const ByteView& key) {
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

Error AeadKey::seal([[maybe_unused]] NonceView nonce, ByteView associated, Bytes body, Tag tag) {
    if (!is_set_) {
        return Error::not_attested;
    }
#if AUTHEX_WITH_SPONGENT
    if (algorithm() == Algorithm::spongent_128) {
        spongent::wrap(spongent::KeyView(state_, spongent::key_bytes), associated, body, tag);
        return Error::none;
    }
#endif
#if AUTHEX_WITH_AES
    aes_gcm::seal(state_, nonce, associated, body, tag);
#endif
    return Error::none;
}

Error AeadKey::open([[maybe_unused]] NonceView nonce,
                    ByteView associated,
                    Bytes body,
                    TagView tag) {
    if (!is_set_) {
        return Error::not_attested;
    }
    bool verified = false;
#if AUTHEX_WITH_SPONGENT
    if (algorithm() == Algorithm::spongent_128) {
        verified =
            spongent::unwrap(spongent::KeyView(state_, spongent::key_bytes), associated, body, tag);
    }
#endif
#if AUTHEX_WITH_AES
    if (algorithm() != Algorithm::spongent_128) {
        verified = aes_gcm::open(state_, nonce, associated, body, tag);
    }
#endif
    return verified ? Error::none : Error::forged;
}

} // namespace authex::crypto
