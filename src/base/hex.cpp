#include "base/hex.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace authex {

std::string to_hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

} // namespace authex
