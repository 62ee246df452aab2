#pragma once
// The public key of a device, as its owner keeps it once it was enrolled.

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee::trustzone {

/// The modulus, from a PEM file: RSA-3072 with the exponent 65537. @error device-key
Expected<std::vector<std::uint8_t>> read_device_key(const std::filesystem::path& file);
/// Makes the file, and its folder. @error device-key: no such modulus, or it cannot be written
Expected<bool> write_device_key(const std::filesystem::path& file, ByteView modulus);
/// What people compare: SHA-256 of the modulus, in hex.
std::string fingerprint_of(ByteView modulus);

} // namespace authex::tee::trustzone
