#include "simulation/observer.hpp"

#include <authex/bytes.hpp>

#include <unordered_map>
#include <vector>

namespace authex::simulation {
namespace {

Observer* observer = nullptr;
std::unordered_map<const crypto::AeadKey*, KeyName> names;

} // namespace

std::uint64_t SealView::counter() const {
    return Reader(associated.subspan(4)).u64();
}

void observe(Observer* next) {
    observer = next;
    names.clear();
}

} // namespace authex::simulation

using authex::Bytes;
using authex::ByteView;
using authex::Error;
using authex::crypto::AeadKey;
using authex::crypto::Algorithm;
using authex::crypto::NonceView;
using authex::crypto::Tag;
using authex::crypto::TagView;
using authex::simulation::names;
using authex::simulation::observer;

// The names that --wrap gives to the functions of AeadKey (Itanium C++ ABI).
#define AEAD_SET ZN6authex6crypto7AeadKey3setENS0_9AlgorithmERKSt4spanIKhLm18446744073709551615EE
#define AEAD_SEAL                                                                                  \
    ZN6authex6crypto7AeadKey4sealESt4spanIKhLm12EES2_IS3_Lm18446744073709551615EES2_IhLm18446744073709551615EES2_IhLm16EE
#define AEAD_OPEN                                                                                  \
    ZN6authex6crypto7AeadKey4openESt4spanIKhLm12EES2_IS3_Lm18446744073709551615EES2_IhLm18446744073709551615EES2_IS3_Lm16EE
#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)
#define REAL(name) JOIN(__real__, name)
#define WRAP(name) JOIN(__wrap__, name)

extern "C" {
Error REAL(AEAD_SET)(AeadKey* self, Algorithm algorithm, const ByteView& key);
Error REAL(AEAD_SEAL)(AeadKey* self, NonceView nonce, ByteView associated, Bytes body, Tag tag);
Error REAL(AEAD_OPEN)(AeadKey* self, NonceView nonce, ByteView associated, Bytes body, TagView tag);

Error WRAP(AEAD_SET)(AeadKey* self, Algorithm algorithm, const ByteView& key) {
    const Error error = REAL(AEAD_SET)(self, algorithm, key);
    if (observer != nullptr && error == Error::none) {
        authex::simulation::KeyName name{};
        authex::copy(key, name);
        names[self] = name;
        observer->key_set(name, algorithm);
    }
    return error;
}

Error WRAP(AEAD_SEAL)(AeadKey* self, NonceView nonce, ByteView associated, Bytes body, Tag tag) {
    if (observer == nullptr || !self->is_set()) {
        return REAL(AEAD_SEAL)(self, nonce, associated, body, tag);
    }
    const std::vector<std::uint8_t> plain(body.begin(), body.end());
    const Error error = REAL(AEAD_SEAL)(self, nonce, associated, body, tag);
    if (error == Error::none) {
        observer->sealed({names[self], self->algorithm(), nonce, associated, plain});
    }
    return error;
}

Error WRAP(AEAD_OPEN)(
    AeadKey* self, NonceView nonce, ByteView associated, Bytes body, TagView tag) {
    const Error error = REAL(AEAD_OPEN)(self, nonce, associated, body, tag);
    if (observer != nullptr && error == Error::none) {
        observer->opened({names[self], self->algorithm(), nonce, associated, body});
    }
    return error;
}
}
