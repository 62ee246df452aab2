#include "crypto/kdf.hpp"

#include <new>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_kdf.h>
#include <bearssl/bearssl_rand.h>

namespace authex::crypto {
namespace {

/// SP 800-90A table 2: 2^16 bytes a request; BearSSL's own limit is the same.
constexpr std::size_t request_max_bytes = 65536;

} // namespace

Hash sha256(ByteView first, ByteView second) {
    Hash hash{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, first.data(), first.size());
    br_sha256_update(&context, second.data(), second.size());
    br_sha256_out(&context, hash.data());
    wipe({reinterpret_cast<std::uint8_t*>(&context), sizeof context});
    return hash;
}

void hkdf_sha256(ByteView salt, ByteView input_key_material, ByteView info, Bytes out) {
    br_hkdf_context context;
    br_hkdf_init(&context, &br_sha256_vtable, salt.data(), salt.size());
    br_hkdf_inject(&context, input_key_material.data(), input_key_material.size());
    br_hkdf_flip(&context);
    br_hkdf_produce(&context, info.data(), info.size(), out.data(), out.size());
    wipe({reinterpret_cast<std::uint8_t*>(&context), sizeof context});
}

void Generator::seed(ByteView entropy) {
    static_assert(sizeof(br_hmac_drbg_context) <= sizeof state_);
    static_assert(alignof(br_hmac_drbg_context) <= 8);
    // A type of C comes to life in an array of bytes by itself. ([intro.object] 13)
    static_assert(std::is_trivial_v<br_hmac_drbg_context>);
    auto* context = std::launder(reinterpret_cast<br_hmac_drbg_context*>(state_));
    if (seeded_) {
        br_hmac_drbg_update(context, entropy.data(), entropy.size());
        return;
    }
    br_hmac_drbg_init(context, &br_sha256_vtable, entropy.data(), entropy.size());
    seeded_ = true;
}

void Generator::fill(Bytes out) {
    if (!seeded_) {
        wipe(out);
        return;
    }
    auto* context = std::launder(reinterpret_cast<br_hmac_drbg_context*>(state_));
    while (!out.empty()) {
        const Bytes part =
            out.first(out.size() < request_max_bytes ? out.size() : request_max_bytes);
        br_hmac_drbg_generate(context, part.data(), part.size());
        out = out.subspan(part.size());
    }
}

} // namespace authex::crypto
