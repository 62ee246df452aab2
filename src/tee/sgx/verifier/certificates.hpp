#pragma once
// Certificates and revocation lists of Intel's hierarchy for SGX, and of one like it under another
// root.    (RFC 5280; Intel SGX PCK Certificate and CRL Profile Specification)

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/x509.h>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "base/free_with.hpp"
#include "tee/sgx/verifier/quote.hpp"

namespace authex::tee::sgx {

using Certificate = std::shared_ptr<X509>;
using RevocationList = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

/// A point on P-256: x ‖ y.
using Point = std::array<std::uint8_t, public_key_bytes>;

/// The key of the Intel SGX Root CA, which certificates with several dates have.
extern const Point intel_root_key;

/// Seconds since 1970, UTC.
using UnixTime = std::int64_t;

/// Takes it over.
[[nodiscard]] Certificate own(X509* certificate);

/// PEM certificates of P-256 keys with nothing but white space and zero bytes around them, in any
/// order.
/// @error certificate-malformed
[[nodiscard]] Expected<std::vector<Certificate>> parse_certificates(std::string_view pem);

/// The same, each still as text, from its first dash to its last.
[[nodiscard]] Expected<std::vector<std::string_view>> certificate_blocks(std::string_view pem);

/// One certificate, PEM or DER, of any algorithm. @error certificate-malformed
[[nodiscard]] Expected<Certificate> parse_certificate(std::string_view bytes);

/// DER, PEM, or DER in hexadecimal digits. @error crl-malformed
[[nodiscard]] Expected<RevocationList> parse_crl(std::string_view bytes);

/// That `issuer` made the list and that it holds at `now`.
/// @error crl-issuer | crl-signature | crl-expired
[[nodiscard]] Expected<bool> check_crl(const X509_CRL& crl, X509& issuer, UnixTime now);

[[nodiscard]] bool is_revoked(const X509_CRL& crl, X509& certificate);

[[nodiscard]] std::string subject_of(const X509& certificate);
[[nodiscard]] std::string issuer_of(const X509& certificate);
[[nodiscard]] std::string serial_of(const X509& certificate);
/// Nothing where the key is not on P-256.
[[nodiscard]] std::optional<Point> point_of(const X509& certificate);
/// The content of the extension with this OID (dotted). @error pck-extension: not there, or twice
[[nodiscard]] Expected<ByteView> extension_of(const X509& certificate, const char* oid);

/// From the first second to the one after the last at which all of a chain's certificates hold.
struct Period {
    UnixTime from = INT64_MIN;
    UnixTime until = INT64_MAX;
    void narrow(const Period& other);
    [[nodiscard]] bool contains(UnixTime time) const { return from <= time && time < until; }
};
[[nodiscard]] Period period_of(const X509_CRL& crl);

/// Nothing where the bytes are no point on P-256.
[[nodiscard]] PublicKey key_of(ByteView point);
/// Of a certificate of parse_certificates, which keeps it. Nullptr where it is not on P-256.
[[nodiscard]] EVP_PKEY* p256_key(const X509& certificate);
/// Whether the issuer's key signed the certificate; both of parse_certificates.
[[nodiscard]] bool is_signed(X509& certificate, const X509& issuer);
/// ECDSA with SHA-256. @param signature r ‖ s, each in 1 … n-1
[[nodiscard]] bool signature_holds(EVP_PKEY& key, ByteView message, ByteView signature);

} // namespace authex::tee::sgx
