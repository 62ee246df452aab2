#pragma once
// Numbers and bytes as people write them.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace authex::sancus_emulator {

/// Pairs of hexadecimal digits and nothing else.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> bytes_of_hex(std::string_view text);
/// A decimal number with or without a fraction, finite, and nothing else.
[[nodiscard]] std::optional<double> decimal_of(std::string_view text);

} // namespace authex::sancus_emulator
