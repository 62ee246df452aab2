#pragma once
// Keys that follow from the simulated hardware's. (OP-TEE OS 4.10, `core/kernel/huk_subkey.c`)

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "tee/trustzone/simulator/device_key.hpp"

namespace authex::tee::trustzone {

/// The unique key of the simulated hardware. Where OP-TEE's attestation key lies encrypted under
/// such a key, here this one follows from the device's.
using HardwareKey = std::array<std::uint8_t, 16>;
HardwareKey hardware_key_of(const DeviceKey& device);

/// What a key is for that is derived from the hardware's. (`huk_subkey.h`)
enum class Subkey : std::uint32_t { storage = 1, die_id = 2, unique_ta = 3 };
/// HMAC-SHA-256 under the hardware's key of: usage, 32 bits little-endian ‖ data. (`huk_subkey.c`)
std::array<std::uint8_t, 32> derive(const HardwareKey& key, Subkey usage, ByteView data);

} // namespace authex::tee::trustzone
