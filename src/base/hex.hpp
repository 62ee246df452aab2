#pragma once
// Bytes as people read them.

#include <string>

#include "base/bytes.hpp"

namespace authex {

/// Two lower-case digits for each byte.
[[nodiscard]] std::string to_hex(ByteView bytes);

} // namespace authex
