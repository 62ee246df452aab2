#pragma once
// RSA-3072 keys of devices, known by their modulus.

#include <memory>

#include <openssl/evp.h>

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PublicKey = std::unique_ptr<EVP_PKEY, FreeKey>;

/// With the exponent 65537. Null: no modulus of 3072 bits.
PublicKey key_of_modulus(ByteView modulus);

} // namespace authex::tee::trustzone
