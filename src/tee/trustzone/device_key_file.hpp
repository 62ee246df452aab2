#pragma once
// The device key of a simulated machine, as its manager keeps it.

#include <array>
#include <filesystem>
#include <vector>

#include "base/diagnostic.hpp"
#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/simulator/device_key.hpp"

namespace authex::tee::trustzone {

struct DeviceKeyPair {
    DeviceKey secret{};
    std::array<std::uint8_t, device_modulus_bytes> modulus{};
};

/// From a PEM file, RSA-3072 with the exponent 65537, made where there is none. @error signing-key
Expected<DeviceKeyPair> open_device_key(const std::filesystem::path& file);

} // namespace authex::tee::trustzone
