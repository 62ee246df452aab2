#pragma once
// Evidence of a TEE in a certificate, for clients that verify it themselves: "Interoperable RA-TLS"
// of the Confidential Computing Consortium (github.com/CCC-Attestation/interoperable-ra-tls:
// formats of certificates, and evidence of SGX and TDX). It is CBOR (RFC 8949), in this one shape:
//
//   60000([ quote, claims ])     two byte strings; the tag says "quote of an Intel TEE"
//   claims = { "pubkey-hash": hash-entry }, as bytes; SHA-256 of them is the quote's report data
//   hash-entry = [ 1, hash ], as bytes: SHA-256 of the certificate's SubjectPublicKeyInfo

#include <authex/bytes.hpp>
#include <authex/web/certificate.hpp>
#include <authex/web/der.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

/// 2.23.133.5.4.9, tcg-dice-tagged-evidence. (TCG DICE Attestation Architecture)
constexpr std::uint8_t oid_tagged_evidence[] = {0x67, 0x81, 0x05, 0x05, 0x04, 0x09};
constexpr std::size_t claims_bytes = 51;
/// Quotes with the certificates of their platform have some 4,700 bytes.
constexpr std::size_t evidence_min_bytes = 256;
constexpr std::size_t evidence_max_bytes = 8192;

void write_claims(ByteView key_hash, std::uint8_t (&out)[claims_bytes]);
/// Puts the value of the extension in front of what is there.
/// @pre evidence_min_bytes <= evidence.size() <= evidence_max_bytes
void write_evidence(DerWriter& out, ByteView evidence, ByteView key_hash);

} // namespace authex::web
