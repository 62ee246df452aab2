#include "tee/trustzone/simulator/device_key.hpp"

#include <bearssl/bearssl_rsa.h>

#include "tee/trustzone/simulator/rsa_padding.hpp"

namespace authex::tee::trustzone {
namespace {

br_rsa_private_key as_bearssl(const DeviceKey& key) {
    const auto bytes = [](const std::array<std::uint8_t, prime_bytes>& number) {
        return const_cast<std::uint8_t*>(number.data()); // read only
    };
    return {.n_bitlen = device_key_bits,
            .p = bytes(key.p),
            .plen = prime_bytes,
            .q = bytes(key.q),
            .qlen = prime_bytes,
            .dp = bytes(key.dp),
            .dplen = prime_bytes,
            .dq = bytes(key.dq),
            .dqlen = prime_bytes,
            .iq = bytes(key.iq),
            .iqlen = prime_bytes};
}

} // namespace

std::optional<Signature> sign_pss(const DeviceKey& key,
                                  const std::array<std::uint8_t, 32>& hash,
                                  const std::array<std::uint8_t, 32>& salt) {
    Signature encoded{};
    (void)encode_pss(br_sha256_vtable, hash, salt, device_key_bits, encoded);
    const br_rsa_private_key private_key = as_bearssl(key);
    return br_rsa_private_get_default()(encoded.data(), &private_key) == 1 ? std::optional(encoded)
                                                                           : std::nullopt;
}

} // namespace authex::tee::trustzone
