#pragma once
// What a native node shows for a module: a statement signed by a development key of the node. It
// proves nothing about hardware; it is simulated evidence.
//
//   offset size field          little-endian
//        0    4 magic          "AXEV"
//        4    1 version        1
//        5    1 tee            1: native
//        6    2 zero
//        8   32 identity       SHA-256 of the image
//       40   32 report data    what binds the module's handshake
//       72   64 signature      Ed25519 (RFC 8032) over the domain, its final zero byte, and bytes
//       0–71

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee::native {

constexpr std::size_t identity_bytes = 32;
constexpr std::size_t report_data_bytes = 32;
constexpr std::size_t signature_bytes = 64;
constexpr std::size_t evidence_key_bytes = 32;
constexpr std::size_t statement_bytes = 8 + identity_bytes + report_data_bytes;
constexpr std::size_t evidence_bytes = statement_bytes + signature_bytes;
constexpr const char* evidence_domain = "Authex native evidence, version 1";

struct Evidence {
    std::array<std::uint8_t, identity_bytes> identity{};
    std::array<std::uint8_t, report_data_bytes> report_data{};
    std::array<std::uint8_t, signature_bytes> signature{};
};

/// The bytes 0–71.
std::array<std::uint8_t, statement_bytes> statement_of(const Evidence& evidence);
/// What is signed.
std::vector<std::uint8_t> signed_bytes(const Evidence& evidence);
std::vector<std::uint8_t> write_evidence(const Evidence& evidence);
/// The signature is not checked. @error evidence-malformed
Expected<Evidence> parse_evidence(ByteView bytes);

} // namespace authex::tee::native
