#pragma once
// Certificates that carry a quote about their own key, for TLS: "Interoperable RA-TLS" of the
// Confidential Computing Consortium (github.com/CCC-Attestation/interoperable-ra-tls: formats of
// certificates, and evidence of SGX and TDX). The extension 2.23.133.5.4.9 holds CBOR:
//
//   60000([ quote, claims ])     two byte strings
//   claims                       as bytes, a map of text to byte strings; SHA-256 of them is the
//                                quote's report data, zeros behind it
//   claims["pubkey-hash"]        as bytes, [ algorithm, hash ] of the certificate's
//                                SubjectPublicKeyInfo; algorithm 1, 7, 8: SHA-256, -384, -512

#include <optional>
#include <string_view>
#include <vector>

#include "tee/sgx/verifier/certificates.hpp"
#include "tee/sgx/verifier/step.hpp"

namespace authex::tee::sgx {

/// Whether a file holds a certificate and no quote: PEM from its first letter on, or DER.
[[nodiscard]] bool looks_like_certificate(std::string_view content);

/// The quote of a certificate that is signed by its own key, holds at `now`, and whose key the
/// quote is about. Whether the quote is genuine is another question. Nothing where a step failed:
/// certificate-structure, -signature, -dates, -evidence, -key, -report-data.
[[nodiscard]] std::optional<std::vector<std::uint8_t>>
quote_of_certificate(std::string_view content, UnixTime now, Steps& steps);

} // namespace authex::tee::sgx
