#include "tee/trustzone/simulator/curve.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

constexpr Curve curves[] = {
    {3, BR_EC_secp256r1, 256, 32}, {4, BR_EC_secp384r1, 384, 48}, {5, BR_EC_secp521r1, 521, 66}};

} // namespace

const Curve* curve_of(std::uint32_t number) {
    const auto* const found = std::find_if(std::begin(curves),
                                           std::end(curves),
                                           [&](const Curve& one) { return one.number == number; });
    return found != std::end(curves) ? found : nullptr;
}

std::optional<Point> point_of(const Curve& curve, ByteView x, ByteView y) {
    if (x.size() > curve.bytes || y.size() > curve.bytes) {
        return std::nullopt;
    }
    Point point;
    point.size = 1 + 2 * curve.bytes;
    point.bytes[0] = 4;
    const Bytes coordinates = Bytes(point.bytes).subspan(1);
    copy(x, coordinates.subspan(curve.bytes - x.size()));
    copy(y, coordinates.subspan(2 * curve.bytes - y.size()));
    return point;
}

bool is_private_value(const Curve& curve, ByteView number) {
    std::size_t order_bytes = 0;
    const std::uint8_t* const order = br_ec_get_default()->order(curve.bearssl, &order_bytes);
    std::array<std::uint8_t, coordinate_bytes_max> padded{};
    if (number.empty() || number.size() > order_bytes) {
        return false;
    }
    copy(number, Bytes(padded).subspan(order_bytes - number.size()));
    const bool is_zero =
        std::all_of(padded.begin(), padded.end(), [](std::uint8_t digit) { return digit == 0; });
    return !is_zero &&
           std::lexicographical_compare(padded.begin(),
                                        padded.begin() + static_cast<std::ptrdiff_t>(order_bytes),
                                        order,
                                        order + order_bytes);
}

} // namespace authex::tee::trustzone
