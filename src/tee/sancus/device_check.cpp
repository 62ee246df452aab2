#include "tee/sancus/device_check.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/sancus/devices.hpp"

namespace authex::tee::sancus {
namespace {

using descriptor::Module;
using descriptor::quote;
using descriptor::Reference;

/// The devices that a driver is for.
std::vector<std::string> devices_of(const Driver& driver) {
    std::vector<std::string> names;
    for (const std::string& name : device_names()) {
        const auto& blocks = driver.blocks;
        if (std::count(blocks.begin(), blocks.end(), find_device(name)->block.block) != 0) {
            names.push_back(name);
        }
    }
    return names;
}

class DeviceCheck {
  public:
    DeviceCheck(const descriptor::Descriptor& descriptor, descriptor::Findings& findings)
        : descriptor_(descriptor), findings_(findings) {}

    void check() {
        for (const Module& module : descriptor_.modules) {
            const descriptor::Node* node = descriptor_.find_node(module.node.name);
            if (node == nullptr) {
                continue; // was reported
            }
            const bool sancus = node->tee == descriptor::Tee::sancus;
            if (sancus) {
                check_owner(module);
            }
            if (module.driver) {
                check_driver(module, sancus);
            }
        }
    }

  private:
    struct Owner {
        const Module* module;
        const Reference* device;
    };

    void check_owner(const Module& module) {
        const Device* first = nullptr;
        for (const Reference& reference : module.devices) {
            const Device* device = find_device(reference.name);
            if (device == nullptr) {
                findings_.error(
                    reference.where,
                    {"unknown-device",
                     fmt::format("a Sancus node has no device {}", quote(reference.name)),
                     descriptor::suggest(reference.name, device_names(), "the devices are")});
                continue;
            }
            if (first != nullptr && &first->block != &device->block) {
                findings_.error(reference.where,
                                {"device-conflict",
                                 fmt::format("{} and {} have registers in two places, and an "
                                             "enclave can own one",
                                             quote(first->name),
                                             quote(device->name)),
                                 "make a driver module for each"});
                continue;
            }
            first = device;
            own(module, reference, *device);
        }
    }

    void own(const Module& module, const Reference& reference, const Device& device) {
        const auto [owner, is_new] = owners_.emplace(
            std::pair(module.node.name, device.block.block), Owner{&module, &reference});
        // The same name twice is an error on every TEE, and was reported.
        if (is_new || owner->second.module == &module ||
            owner->second.device->name == reference.name) {
            return;
        }
        findings_.error(
            reference.where,
            {"device-conflict",
             fmt::format("{} and {}, which module {} owns ({}), are in one block of registers, {}",
                         quote(reference.name),
                         quote(owner->second.device->name),
                         quote(owner->second.module->name),
                         descriptor::place_of(owner->second.device->where),
                         device.block.block),
             fmt::format("give both to one module: «devices: [{}, {}]»",
                         owner->second.device->name,
                         reference.name),
             "an enclave owns a block as a whole"});
    }

    void check_driver(const Module& module, bool sancus) {
        const Reference& reference = *module.driver;
        const Driver* driver = find_driver(reference.name);
        if (driver == nullptr) {
            findings_.error(
                reference.where,
                {"unknown-driver",
                 fmt::format("Authex has no driver {}", quote(reference.name)),
                 descriptor::suggest(reference.name, driver_names(), "the drivers are")});
        } else if (!sancus) {
            findings_.error(
                reference.where,
                {"driver-without-sancus",
                 fmt::format("driver {} needs a device of a Sancus node, and {} is none",
                             quote(reference.name),
                             quote(module.node.name)),
                 "put the module on a Sancus node, or give it «sources»"});
        } else {
            check_devices_of(*driver, module);
        }
    }

    void check_devices_of(const Driver& driver, const Module& module) {
        const std::string fix =
            driver.blocks.empty()
                ? "remove «devices»"
                : fmt::format("the driver is for {}", descriptor::join(devices_of(driver)));
        if (module.devices.empty() && !driver.blocks.empty()) {
            findings_.error(module.driver->where,
                            {"driver-without-device",
                             fmt::format("driver {} of module {} has no device",
                                         quote(driver.name),
                                         quote(module.name)),
                             fix});
        }
        for (const Reference& reference : module.devices) {
            const Device* device = find_device(reference.name);
            const auto& blocks = driver.blocks;
            if (device != nullptr &&
                std::count(blocks.begin(), blocks.end(), device->block.block) == 0) {
                findings_.error(reference.where,
                                {"wrong-driver",
                                 fmt::format("driver {} does not drive {}",
                                             quote(driver.name),
                                             quote(reference.name)),
                                 fix});
            }
        }
    }

    const descriptor::Descriptor& descriptor_;
    descriptor::Findings& findings_;
    std::map<std::pair<std::string, std::string_view>, Owner> owners_;
};

} // namespace

void check_devices(const descriptor::Descriptor& descriptor, descriptor::Findings& findings) {
    DeviceCheck(descriptor, findings).check();
}

} // namespace authex::tee::sancus
