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
#include "tee/sgx/verifier/quote.hpp"

namespace authex::tee::sgx {

template <auto free>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const {
        free(object);
    }
};
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using RevocationList = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

/// A point on P-256: x ‖ y.
using Point = std::array<std::uint8_t, public_key_bytes>;

/// The key of the Intel SGX Root CA, which certificates with several dates have.
extern const Point intel_root_key;

/// Seconds since 1970, UTC.
using UnixTime = std::int64_t;

/// A certificate authority, its certificate, and the root above it.
struct Chain {
    Certificate leaf;
    Certificate authority; ///< none in a chain of two
    Certificate root;
};

/// What a chain is for: the subjects that it must have, and how many.
enum class ChainKind : std::uint8_t {
    pck,         ///< PCK certificate, Processor or Platform CA, root
    pck_ca,      ///< Processor or Platform CA, root: who signs the PCKs' revocation list
    tcb_signing, ///< TCB Signing, root
};

/// PEM certificates with nothing but white space and zero bytes around them, in any order.
/// @error certificate-malformed
[[nodiscard]] Expected<std::vector<Certificate>> parse_certificates(std::string_view pem);

/// One certificate, PEM or DER. @error certificate-malformed
[[nodiscard]] Expected<Certificate> parse_certificate(std::string_view bytes);

/// The chain in order, with subjects, constraints, usages, signatures and dates checked up to a
/// root with the key `root_key`. With Intel's root, names are Intel's; with another, only their
/// last words count ("SGX PCK Certificate").
/// @error chain-malformed | chain-root | chain-name | chain-key | chain-usage | chain-expired |
/// chain-signature
[[nodiscard]] Expected<Chain>
check_chain(std::string_view pem, ChainKind kind, const Point& root_key, UnixTime now);

/// DER, PEM, or DER in hexadecimal digits. @error crl-malformed
[[nodiscard]] Expected<RevocationList> parse_crl(std::string_view bytes);

/// That `issuer` made the list and that it holds at `now`.
/// @error crl-issuer | crl-signature | crl-expired
[[nodiscard]] Expected<bool> check_crl(const X509_CRL& crl, X509& issuer, UnixTime now);

[[nodiscard]] bool is_revoked(const X509_CRL& crl, X509& certificate);

[[nodiscard]] std::string subject_of(const X509& certificate);
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
[[nodiscard]] Period period_of(const Chain& chain);
[[nodiscard]] Period period_of(const X509_CRL& crl);

/// Nothing where the bytes are no point on P-256.
[[nodiscard]] PublicKey key_of(ByteView point);
/// ECDSA with SHA-256. @param signature r ‖ s, each in 1 … n-1
[[nodiscard]] bool signature_holds(EVP_PKEY& key, ByteView message, ByteView signature);

} // namespace authex::tee::sgx
