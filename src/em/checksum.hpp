#pragma once
// CRC-32C (Castagnoli, RFC 3720 §B.4): finds damage of records and of kept frames. It is no
// defence against an attacker; the frames are sealed.

#include "base/bytes.hpp"

namespace authex::em {

/// The checksum of `bytes`; uses the processor's instruction where it has one.
[[nodiscard]] std::uint32_t crc32c(ByteView bytes);
/// The same from a table: what a processor without the instruction computes.
[[nodiscard]] std::uint32_t crc32c_by_table(ByteView bytes);

} // namespace authex::em
