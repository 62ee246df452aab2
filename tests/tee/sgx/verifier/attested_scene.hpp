#pragma once
// A certificate that carries a quote about its own key, written with OpenSSL. Everything is right
// at first; a test changes one thing.

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {

class AttestedScene : public Scene {
  public:
    AttestedScene();

    using Octets = std::vector<std::uint8_t>;

    KeyPair key = new_key();
    EVP_PKEY* signer; ///< `key`, unless a test says otherwise
    std::string issuer = "server";
    UnixTime from = now - 86'400;
    UnixTime until = now + 86'400; ///< the last second
    Octets claims;                 ///< those of `key`
    /// How often the extension is there, and what becomes of its value.
    int extensions = 1;
    std::function<void(Octets&)> change_evidence;

    /// The evidence as it stands in the certificate, before it is changed.
    [[nodiscard]] Octets evidence(const Octets& quote) const;
    /// In PEM. The quote is about the claims.
    [[nodiscard]] std::string certificate();
    /// In PEM, with this quote.
    [[nodiscard]] std::string certificate_with(const Octets& quote) const;
};

/// Of a key: the SHA-256 of its SubjectPublicKeyInfo, as the claims have it.
[[nodiscard]] std::vector<std::uint8_t> claims_of(const EVP_PKEY& key);

} // namespace authex::tee::sgx
