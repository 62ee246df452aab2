#pragma once
// Byte views, Reader and Writer (shared with module authors), and the few operations that secrets
// need.

#include <authex/bytes.hpp>

#include <bit>
#include <type_traits>

namespace authex {

static_assert(std::endian::native == std::endian::little, "every TEE of Authex is little-endian");

/// Overwrites secrets with zeros in a way that the compiler may not remove.
void wipe(Bytes secret);

/// Compares in time that depends on the lengths only. Different lengths are unequal.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

/// Copies `from` to the front of `to`. @pre from.size() <= to.size(); the ranges may overlap.
void copy(ByteView from, Bytes to);

/// A value as it lies on the wire: an integer, or fields without gaps. Borrowed.
template <typename T>
[[nodiscard]] ByteView bytes_of(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>);
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

} // namespace authex
