#pragma once
// Byte views, Reader, Writer and what secrets need (shared with module authors), and the few
// operations beside them.

#include <authex/bytes.hpp>

#include <bit>
#include <type_traits>

namespace authex {

static_assert(std::endian::native == std::endian::little, "every TEE of Authex is little-endian");

/// A value as it lies on the wire: an integer, or fields without gaps. Borrowed.
template <typename T>
[[nodiscard]] ByteView bytes_of(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>);
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

} // namespace authex
