#pragma once
// The layout of ECDSA quotes of SGX enclaves, versions 3, 4 and 5.
//                (Intel SGX ECDSA Quote Library Reference, appendix A; TDX DCAP Quoting Library,
//                appendix A)

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

constexpr std::size_t quote_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t signature_bytes = 64;  ///< r ‖ s, big-endian, P-256
constexpr std::size_t public_key_bytes = 64; ///< x ‖ y, big-endian, P-256

/// QE vendor id of Intel's Quoting Enclaves.
constexpr std::array<std::uint8_t, 16> vendor_intel = {
    0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07};
constexpr std::uint16_t attestation_key_ecdsa_p256 = 2;
constexpr std::uint16_t body_sgx_report = 1;
constexpr std::uint16_t certification_pck_chain = 5;
constexpr std::uint16_t certification_qe_report = 6;

/// The parts of a quote. All views borrow the bytes that were parsed.
struct Quote {
    std::uint16_t version = 0;
    ReportBody body;
    ByteView signed_bytes;        ///< header and body: what the attestation key signs
    ByteView signature;           ///< signature_bytes, by the attestation key
    ByteView attestation_key;     ///< public_key_bytes
    ReportBody quoting_enclave;   ///< report of the Quoting Enclave
    ByteView quoting_enclave_raw; ///< report_body_bytes: what the PCK signs
    ByteView quoting_enclave_signature;
    ByteView authentication_data; ///< hashed with the attestation key into the report above
    std::string_view pck_chain;   ///< PEM
};

/// How many bytes of a buffer with a quote of version 3 at its beginning are the quote: buffers
/// that services give out may be larger. 0: it is none.
[[nodiscard]] std::size_t quote_length(ByteView buffer);

/// Nothing may follow the quote.
/// @error quote-malformed | quote-unsupported (another version, TEE, key or certification type)
[[nodiscard]] Expected<Quote> parse_quote(ByteView bytes);

} // namespace authex::tee::sgx
