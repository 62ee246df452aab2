#pragma once
// Byte views, Reader and Writer (shared with module authors), and the few operations that secrets
// need.

#include <authex/bytes.hpp>

namespace authex {

/// Overwrites secrets with zeros in a way that the compiler may not remove.
void wipe(Bytes secret);

/// Compares in time that depends on the lengths only. Different lengths are unequal.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

/// Copies `from` to the front of `to`. @pre from.size() <= to.size(); the ranges may overlap.
void copy(ByteView from, Bytes to);

} // namespace authex
