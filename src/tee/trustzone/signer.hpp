#pragma once
// Signs trusted applications with the key that a node's OP-TEE was built to trust (TA_SIGN_KEY).

#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/builder.hpp"
#include "tee/trustzone/image/signed_ta.hpp"

namespace authex::tee::trustzone {

/// The file of the TA, its hash and signature filled in: RSA PKCS #1 v1.5 with SHA-256,
/// deterministic. A key at hand is RSA of 2048 to 4096 bits, made (2048) where there is none. With
/// one elsewhere, what is to be signed is written to `signatures`/`name`.to-sign, and the signature
/// read from `signatures`/`name`.sig.
/// @error signing-key: as open_key_file, or the public key is of another kind | signature-missing:
/// there is none yet, or one of something else | file-unwritable
Expected<std::vector<std::uint8_t>>
sign_ta(SignedTa ta, const Signing& signing, const std::string& name);

/// Whether the signature under the TA's hash is of this key, as OP-TEE looks at it.
/// @param key PEM, public or private @error signing-key
Expected<bool> signature_holds(const SignedTa& ta, const std::filesystem::path& key);

} // namespace authex::tee::trustzone
