#pragma once
// Elliptic curves of NIST's that keys here may lie on. (GP TEE Internal Core API 1.3.1, table 6-14;
// SEC 2)

#include <array>
#include <optional>

#include <bearssl/bearssl_ec.h>

#include "tee/trustzone/simulator/key_object.hpp"

namespace authex::tee::trustzone {

struct Curve {
    std::uint32_t number = 0; ///< TEE_ECC_CURVE_NIST_P…
    int bearssl = 0;
    std::uint32_t bits = 0;
    std::size_t bytes = 0; ///< of a coordinate
};
constexpr std::size_t coordinate_bytes_max = 66;

/// Null: none that is here.
const Curve* curve_of(std::uint32_t number);

/// 4 ‖ x ‖ y. (SEC 1, §2.3.3)
struct Point {
    std::array<std::uint8_t, 1 + 2 * coordinate_bytes_max> bytes{};
    std::size_t size = 0;
};
/// Empty optional: a coordinate is longer than the curve's.
std::optional<Point> point_of(const Curve& curve, ByteView x, ByteView y);
/// Whether it is of 1 to the order less one.
bool is_private_value(const Curve& curve, ByteView number);

} // namespace authex::tee::trustzone
