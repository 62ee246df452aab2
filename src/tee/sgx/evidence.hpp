#pragma once
// What a node shows of an enclave: a quote, and the collateral to check it with where the node has
// it. All of that is signed: who brings it does not matter.
//
//   0   "AXSQ"                                     4
//   4   version, 1                                 4, little-endian, as all below
//   8   quote: bytes                               4, then the bytes
//       for each file of collateral_file::all: bytes   4, then the bytes; 0: the node has none

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "tee/sgx/verifier/collateral.hpp"

namespace authex::tee::sgx {

constexpr std::size_t evidence_bytes_max = std::size_t{1} << 20U;

struct Evidence {
    std::vector<std::uint8_t> quote;
    Collateral collateral;
};

[[nodiscard]] std::vector<std::uint8_t> write_evidence(const Evidence& evidence);
/// @error evidence-malformed
[[nodiscard]] Expected<Evidence> parse_evidence(ByteView bytes);

} // namespace authex::tee::sgx
