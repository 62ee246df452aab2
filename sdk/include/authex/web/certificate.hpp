#pragma once
// A certificate of X.509 version 3 for a key on P-256, signed by that key itself.     (RFC 5280;
// RFC 5480 §2.1.1)

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

constexpr std::size_t secret_bytes = 32;
/// 0x04, X, Y. (SEC 1 §2.3.3)
constexpr std::size_t point_bytes = 65;
/// SubjectPublicKeyInfo of such a key.
constexpr std::size_t key_info_bytes = 91;
constexpr std::size_t key_hash_bytes = 32;

/// What a certificate says. All is borrowed.
struct CertificateTerms {
    ByteView names;       ///< DNS names and addresses of IPv4 and IPv6, between commas and spaces
    ByteView valid_from;  ///< a day, YYYY-MM-DD, from its beginning on
    ByteView valid_until; ///< the last day
    ByteView evidence;    ///< of the TEE, for the key; may be empty (evidence.hpp)
};

/// SHA-256 of the SubjectPublicKeyInfo of a public point.
void hash_key(ByteView point, std::uint8_t (&out)[key_hash_bytes]);

/// Signs the SHA-256 of `data` with a deterministic nonce.                                 (RFC
/// 6979)
/// @param signature room for 72 bytes. @return bytes of the signature, DER
[[nodiscard]] std::size_t sign(ByteView secret, ByteView data, Bytes signature);

/// Why there is no certificate.
enum class CertificateFault : std::uint8_t {
    none,
    names, ///< one is none, or there are none
    dates, ///< one is none
    room,
};
struct Certificate {
    CertificateFault fault = CertificateFault::none;
    Bytes der; ///< lies in the room that was given
};
/// Subject and issuer are one name, made of the key: "enclave " and 16 hexadecimal digits.
[[nodiscard]] Certificate
write_certificate(const CertificateTerms& terms, ByteView secret, ByteView point, Bytes room);

/// Appends the lines of PEM. (RFC 7468)
void write_pem(ByteView der, Writer& out);

} // namespace authex::web
