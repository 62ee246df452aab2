#pragma once
// Makes what Intel's provisioning makes, under a root of one's own: certificates of platforms,
// revocation lists, signed statements. For development, simulation and tests: it proves nothing to
// anyone who does not trust that root.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tee/sgx/verifier/certificates.hpp"
#include "tee/sgx/verifier/pck_extension.hpp"

namespace authex::tee::sgx {

/// Both halves of a P-256 key.
using KeyPair = PublicKey;
[[nodiscard]] KeyPair new_key();
/// x ‖ y of it. @pre on P-256
[[nodiscard]] Point public_point(const EVP_PKEY& key);
/// ECDSA with SHA-256: r ‖ s.
[[nodiscard]] std::array<std::uint8_t, signature_bytes> sign(EVP_PKEY& key, ByteView message);

struct CertificateSpec {
    std::string common_name;
    std::uint64_t serial = 1;
    UnixTime from = 0;
    UnixTime until = 0; ///< the last second
    bool authority = false;
    std::optional<int> path_length = {};
    int key_usage = 0;                         ///< KU_* of OpenSSL; 0: the extension is left out
    std::vector<std::uint8_t> sgx_extension{}; ///< empty: left out
    bool sgx_extension_critical = false;       ///< Intel's is not
};

/// Who issues: none for a root, which issues itself.
struct Issuer {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
};

[[nodiscard]] Certificate
issue(const CertificateSpec& spec, EVP_PKEY& subject, const Issuer& issuer);

struct CrlSpec {
    UnixTime from = 0;
    UnixTime until = 0;
    std::vector<std::uint64_t> revoked{}; ///< serial numbers
};
[[nodiscard]] RevocationList issue_crl(const CrlSpec& spec, const Issuer& issuer);

[[nodiscard]] std::string to_pem(const X509& certificate);
[[nodiscard]] std::string to_der(const X509_CRL& crl);

/// The content of a PCK certificate's SGX extension. (see pck_extension.hpp)
[[nodiscard]] std::vector<std::uint8_t> write_pck_extension(const PckExtension& extension);

/// {"<member>": value, "signature": "…"}, as the provisioning service serves it.
[[nodiscard]] std::string
sign_statement(const std::string& member, const nlohmann::json& value, EVP_PKEY& key);

} // namespace authex::tee::sgx
