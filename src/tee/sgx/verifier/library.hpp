#pragma once
// OpenSSL cut down to what Intel's hierarchy for SGX is made of: P-256, ECDSA, SHA-256.
//
// For each key of a certificate OpenSSL 3 asks all decoders that it knows whether they can read it,
// which takes longer than to verify a signature. Here it knows none: certificates that are read
// with it have no key of OpenSSL's (X509_get0_pubkey), but that of p256_key.

#include <openssl/types.h>

namespace authex::tee::sgx {

/// Lives as long as the process; for all threads. Nullptr, which is OpenSSL's own context, where it
/// cannot be made.
[[nodiscard]] OSSL_LIB_CTX* p256_library();

} // namespace authex::tee::sgx
