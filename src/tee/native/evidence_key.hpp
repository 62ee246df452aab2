#pragma once
// The development key with which a native node signs its evidence.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include <openssl/types.h>

#include "tee/native/evidence.hpp"

namespace authex::tee::native {

class EvidenceKey {
  public:
    /// Reads `<directory>/evidence-key.pem` (PKCS #8, mode 0600), or makes it where there is none.
    /// The directory is made where there is none. Two managers that start at once agree on one key.
    /// @error evidence-key: cannot be read or made, is no Ed25519 key, or others may read it
    static Expected<EvidenceKey> open(const std::filesystem::path& directory);

    [[nodiscard]] const std::vector<std::uint8_t>& public_key() const { return public_key_; }
    /// Ed25519 needs no randomness: the same statement has the same signature. @error evidence-key
    [[nodiscard]] Expected<std::array<std::uint8_t, signature_bytes>> sign(ByteView message) const;

  private:
    using Key = std::shared_ptr<EVP_PKEY>;
    EvidenceKey(Key key, std::vector<std::uint8_t> public_key)
        : key_(std::move(key)), public_key_(std::move(public_key)) {}
    Key key_;
    std::vector<std::uint8_t> public_key_;
};

} // namespace authex::tee::native
