#include "tee/sancus/devices.hpp"

#include <algorithm>
#include <array>

namespace authex::tee::sancus {
namespace {

// openMSP430 users' guide, "GPIO"; the others as authex-sancus' board `default` has them.
constexpr DeviceBlock port1{"port1", 0x20, 0x28, 2, 0x23};
constexpr DeviceBlock port2{"port2", 0x28, 0x30, 3, 0x2b};
constexpr DeviceBlock digits{"digits", 0x90, 0x98, 0, 0};
constexpr DeviceBlock temperature{"temperature", 0x1a8, 0x1aa, 0, 0};
constexpr DeviceBlock light{"light", 0x1aa, 0x1ac, 0, 0};
constexpr DeviceBlock soil{"soil", 0x1ac, 0x1ae, 0, 0};
constexpr DeviceBlock lcd{"lcd", 0x1c0, 0x1c6, 0, 0};

constexpr std::array devices = {Device{"button0", port1, 0x01},
                                Device{"button1", port1, 0x02},
                                Device{"port1", port1, 0xff},
                                Device{"led0", port2, 0x01},
                                Device{"led1", port2, 0x02},
                                Device{"led2", port2, 0x04},
                                Device{"led3", port2, 0x08},
                                Device{"port2", port2, 0xff},
                                Device{"digits", digits, 0},
                                Device{"temperature", temperature, 0},
                                Device{"light", light, 0},
                                Device{"soil", soil, 0},
                                Device{"lcd", lcd, 0}};

const std::array<Driver, 6>& drivers() {
    static const std::array<Driver, 6> all = {
        {{"button", {port1.block}},
         {"button-polled", {port1.block}},
         {"led", {port2.block}},
         {"display", {lcd.block}},
         {"sensor", {temperature.block, light.block, soil.block}},
         {"random", {}}}};
    return all;
}

template <typename Range>
auto find_named(const Range& range, std::string_view name) {
    const auto found = std::find_if(
        range.begin(), range.end(), [name](const auto& each) { return each.name == name; });
    return found == range.end() ? nullptr : &*found;
}

template <typename Range>
std::vector<std::string> names_in(const Range& range) {
    std::vector<std::string> names;
    for (const auto& each : range) {
        names.emplace_back(each.name);
    }
    return names;
}

} // namespace

const Device* find_device(std::string_view name) {
    return find_named(devices, name);
}

std::vector<std::string> device_names() {
    return names_in(devices);
}

const Driver* find_driver(std::string_view name) {
    return find_named(drivers(), name);
}

std::vector<std::string> driver_names() {
    return names_in(drivers());
}

} // namespace authex::tee::sancus
