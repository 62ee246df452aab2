#include "tee/trustzone/simulator/device_key.hpp"

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_rsa.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t hash_bytes = 32;
constexpr std::size_t masked_bytes = modulus_bytes - hash_bytes - 1;

/// XORs the mask that MGF1 makes of the seed. (RFC 8017 §B.2.1)
void mask(ByteView seed, Bytes over) {
    std::size_t done = 0;
    for (std::uint32_t counter = 0; done < over.size(); ++counter) {
        const std::uint8_t number[4] = {static_cast<std::uint8_t>(counter >> 24U),
                                        static_cast<std::uint8_t>(counter >> 16U),
                                        static_cast<std::uint8_t>(counter >> 8U),
                                        static_cast<std::uint8_t>(counter)};
        std::uint8_t block[hash_bytes];
        br_sha256_context context;
        br_sha256_init(&context);
        br_sha256_update(&context, seed.data(), seed.size());
        br_sha256_update(&context, number, sizeof number);
        br_sha256_out(&context, block);
        for (std::size_t i = 0; i < sizeof block && done < over.size(); ++i, ++done) {
            over[done] = static_cast<std::uint8_t>(over[done] ^ block[i]);
        }
    }
}

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
    const Bytes whole(encoded);
    // maskedDB ‖ H ‖ 0xBC
    const Bytes masked = whole.first(masked_bytes);
    const Bytes digest = whole.subspan(masked_bytes, hash_bytes);
    encoded.back() = 0xBC;
    static constexpr std::uint8_t padding[8]{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, padding, sizeof padding);
    br_sha256_update(&context, hash.data(), hash.size());
    br_sha256_update(&context, salt.data(), salt.size());
    br_sha256_out(&context, digest.data());
    masked[masked_bytes - salt.size() - 1] = 1;
    copy(salt, masked.last(salt.size()));
    mask(digest, masked);
    encoded.front() &= 0x7F; // one bit less than the modulus
    const br_rsa_private_key private_key = as_bearssl(key);
    return br_rsa_private_get_default()(encoded.data(), &private_key) == 1 ? std::optional(encoded)
                                                                           : std::nullopt;
}

} // namespace authex::tee::trustzone
