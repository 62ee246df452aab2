#pragma once
// Signs trusted applications with the key that a node's OP-TEE was built to trust (TA_SIGN_KEY).

#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/trustzone/image/signed_ta.hpp"

namespace authex::tee::trustzone {

/// The file of the TA, its hash and signature filled in: RSA PKCS #1 v1.5 with SHA-256,
/// deterministic. Where the key file is that of a public key, the signature comes from beside it,
/// from `<hash in hex>.sig`, where somebody put it who has the private one.
/// @param key PEM, RSA of 2048 to 4096 bits; made (2048) where there is none
/// @error signing-key: as open_key_file | signature-missing: says what is to be signed, and how |
/// signature-wrong
Expected<std::vector<std::uint8_t>> sign_ta(SignedTa ta, const std::filesystem::path& key);

/// Whether the signature under the TA's hash is of this key, as OP-TEE looks at it.
/// @param key PEM, public or private @error signing-key
Expected<bool> signature_holds(const SignedTa& ta, const std::filesystem::path& key);

} // namespace authex::tee::trustzone
