#include "tee/trustzone/simulator/hardware_key.hpp"

#include <algorithm>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_hmac.h>

namespace authex::tee::trustzone {

HardwareKey hardware_key_of(const DeviceKey& device) {
    constexpr char label[] = "authex simulated hardware key";
    std::array<std::uint8_t, 32> hash{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, label, sizeof label);
    br_sha256_update(&context, &device, sizeof device);
    br_sha256_out(&context, hash.data());
    HardwareKey key{};
    std::copy_n(hash.begin(), key.size(), key.begin());
    return key;
}

std::array<std::uint8_t, 32> derive(const HardwareKey& key, Subkey usage, ByteView data) {
    const auto number = static_cast<std::uint32_t>(usage);
    const std::uint8_t encoded[4] = {static_cast<std::uint8_t>(number), 0, 0, 0};
    br_hmac_key_context keyed;
    br_hmac_key_init(&keyed, &br_sha256_vtable, key.data(), key.size());
    br_hmac_context context;
    br_hmac_init(&context, &keyed, 0);
    br_hmac_update(&context, encoded, sizeof encoded);
    br_hmac_update(&context, data.data(), data.size());
    std::array<std::uint8_t, 32> out{};
    br_hmac_out(&context, out.data());
    return out;
}

} // namespace authex::tee::trustzone
