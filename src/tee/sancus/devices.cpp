#include "tee/sancus/devices.hpp"

#include <algorithm>
#include <array>

namespace authex::tee::sancus {
namespace {

struct Named {
    std::string_view name;
    const DeviceBlock& block;
};

// openMSP430 users' guide, "GPIO"; the others as authex-sancus' board `default` has them.
constexpr DeviceBlock port1{"port1", 0x20, 0x28, 2, 0x23};
constexpr DeviceBlock port2{"port2", 0x28, 0x30, 3, 0x2b};
constexpr DeviceBlock digits{"digits", 0x90, 0x98, 0, 0};
constexpr DeviceBlock temperature{"temperature", 0x1a8, 0x1aa, 0, 0};
constexpr DeviceBlock light{"light", 0x1aa, 0x1ac, 0, 0};
constexpr DeviceBlock lcd{"lcd", 0x1c0, 0x1c6, 0, 0};

constexpr std::array devices = {Named{"button0", port1},
                                Named{"button1", port1},
                                Named{"port1", port1},
                                Named{"led0", port2},
                                Named{"led1", port2},
                                Named{"led2", port2},
                                Named{"led3", port2},
                                Named{"port2", port2},
                                Named{"digits", digits},
                                Named{"temperature", temperature},
                                Named{"light", light},
                                Named{"lcd", lcd}};

} // namespace

const DeviceBlock* find_device(std::string_view name) {
    const auto* found = std::find_if(
        devices.begin(), devices.end(), [name](const Named& each) { return each.name == name; });
    return found == devices.end() ? nullptr : &found->block;
}

std::vector<std::string_view> device_names() {
    std::vector<std::string_view> names;
    for (const Named& each : devices) {
        names.push_back(each.name);
    }
    return names;
}

} // namespace authex::tee::sancus
