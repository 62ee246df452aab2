#pragma once
// Payloads in, replies out.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "cli/arguments.hpp"

namespace authex::cli {

/// @error payload-hex | payload-file
[[nodiscard]] Expected<std::vector<std::uint8_t>> read_payload(const PayloadSource& source);

/// For people: hexadecimal, and what it may mean: an integer of 1, 2 or 4 bytes, or printable
/// text.
[[nodiscard]] std::string describe_bytes(ByteView bytes);

} // namespace authex::cli
