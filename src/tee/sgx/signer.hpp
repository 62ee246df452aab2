#pragma once
// Signs enclaves with the vendor's key.

#include <filesystem>
#include <string>

#include "base/diagnostic.hpp"
#include "tee/key_file.hpp"
#include "tee/sgx/image/sigstruct.hpp"

namespace authex::tee::sgx {

/// An RSA key of 3072 bits with the exponent 3, as SGX wants it. Copies share the key.
class SigningKey {
  public:
    /// From a file that is made where there is none, which takes a second. @error as open_key_file
    static Expected<SigningKey> open(const std::filesystem::path& file);

    /// Fills in modulus, signature, Q1 and Q2. Deterministic. @error signing-key
    Expected<bool> sign(Sigstruct& fields) const;

  private:
    explicit SigningKey(SharedKey key) : key_(std::move(key)) {}
    SharedKey key_;
};

/// The signature of a key that is elsewhere. What is to be signed is written to
/// `signatures`/`name`.to-sign; the signature, PKCS #1 v1.5 with SHA-256, is read from
/// `signatures`/`name`.sig.
struct DistantKey {
    std::filesystem::path public_key; ///< PEM
    std::filesystem::path signatures; ///< folder; made where there is none
};
/// Fills in modulus, signature, Q1 and Q2.
/// @error signing-key: the public key is of another kind | signature-missing: there is none yet, or
/// one of something else | file-unwritable
Expected<bool> take_signature(Sigstruct& fields, const DistantKey& key, const std::string& name);

/// Puts a signature that was made elsewhere (big-endian, of signed_fields()) under the fields, with
/// the modulus of the key. @error signing-key: it does not hold
Expected<bool> attach_signature(Sigstruct& fields, ByteView modulus, ByteView signature);

} // namespace authex::tee::sgx
