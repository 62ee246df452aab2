// Our AEADs, X25519 and handshake; OpenSSL's of the same kind in the same run.
#include <array>
#include <memory>
#include <vector>

#include <bearssl/bearssl_ec.h>
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "crypto/aead.hpp"
#include "crypto/noise_initiator.hpp"
#include "crypto/spongent.hpp"

namespace authex::crypto {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::size_t associated_bytes = 12; // as a frame's
constexpr std::array<std::uint8_t, 16> aead_key = {1, 2, 3};

template <Algorithm algorithm>
void seal_and_open(benchmark::State& state) {
    AeadKey key;
    (void)key.set(algorithm, aead_key);
    Octets body(static_cast<std::size_t>(state.range(0)), 0x5A);
    const std::array<std::uint8_t, associated_bytes> associated{};
    std::array<std::uint8_t, nonce_bytes> nonce{};
    std::array<std::uint8_t, tag_bytes> tag{};
    for (auto _ : state) {
        ++nonce[nonce_bytes - 1];
        if (key.seal(nonce, associated, body, tag) != Error::none ||
            key.open(nonce, associated, body, tag) != Error::none) {
            state.SkipWithError("not opened");
            return;
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

/// As Sancus nodes seal an event: two bytes of associated data.
void spongent_wrap(benchmark::State& state) {
    Octets body(static_cast<std::size_t>(state.range(0)), 0x5A);
    const std::array<std::uint8_t, 2> associated{};
    std::array<std::uint8_t, tag_bytes> tag{};
    for (auto _ : state) {
        spongent::wrap(aead_key, associated, body, tag);
        benchmark::DoNotOptimize(tag);
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

/// A context that keeps its expanded key, as ours does.
Cipher openssl_context(bool encrypt) {
    Cipher context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    EVP_CipherInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, aead_key.data(), nullptr, encrypt);
    return context;
}

bool openssl_crypt(EVP_CIPHER_CTX* context, const Octets& nonce, Octets& body, Octets& tag) {
    const bool encrypt = EVP_CIPHER_CTX_is_encrypting(context) == 1;
    const std::array<std::uint8_t, associated_bytes> associated{};
    const auto size = static_cast<int>(body.size());
    int count = 0;
    bool ok = EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
    if (!encrypt) {
        ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1;
    }
    ok = ok &&
         EVP_CipherUpdate(context, nullptr, &count, associated.data(), associated_bytes) == 1 &&
         EVP_CipherUpdate(context, body.data(), &count, body.data(), size) == 1 &&
         EVP_CipherFinal_ex(context, body.data() + size, &count) == 1;
    if (encrypt) {
        ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) == 1;
    }
    return ok;
}

void openssl_seal_and_open(benchmark::State& state) {
    const Cipher sealing = openssl_context(true);
    const Cipher opening = openssl_context(false);
    Octets body(static_cast<std::size_t>(state.range(0)), 0x5A);
    Octets nonce(nonce_bytes);
    Octets tag(tag_bytes);
    for (auto _ : state) {
        ++nonce.back();
        if (!openssl_crypt(sealing.get(), nonce, body, tag) ||
            !openssl_crypt(opening.get(), nonce, body, tag)) {
            state.SkipWithError("not opened");
            return;
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

DhKey secret_of(std::uint8_t first) {
    DhKey secret{};
    secret.fill(first);
    return secret;
}

DhKey public_of(const DhKey& secret) {
    DhKey key{};
    x25519_public(secret, key);
    return key;
}

void x25519_ours(benchmark::State& state) {
    const DhKey secret = secret_of(3);
    DhKey point = public_of(secret_of(5));
    for (auto _ : state) {
        DhKey shared{};
        benchmark::DoNotOptimize(x25519(secret, point, shared));
        point = shared;
    }
}

/// Another implementation of the library that ours comes from.
void x25519_bearssl(benchmark::State& state, const br_ec_impl* implementation) {
    DhKey secret = secret_of(3);
    DhKey point = public_of(secret_of(5));
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            implementation->mul(point.data(), dh_bytes, secret.data(), dh_bytes, BR_EC_curve25519));
    }
}

void x25519_openssl(benchmark::State& state) {
    const DhKey secret = secret_of(3);
    const DhKey point = public_of(secret_of(5));
    const auto owned = [](EVP_PKEY* key) {
        return std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>(key, EVP_PKEY_free);
    };
    const auto key =
        owned(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size()));
    const auto peer =
        owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, point.data(), point.size()));
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_derive_init(context.get());
    EVP_PKEY_derive_set_peer(context.get(), peer.get());
    for (auto _ : state) {
        DhKey shared{};
        std::size_t size = shared.size();
        if (EVP_PKEY_derive(context.get(), shared.data(), &size) != 1) {
            state.SkipWithError("no shared secret");
            return;
        }
        benchmark::DoNotOptimize(shared);
    }
}

/// Both sides: seven multiplications.
void handshake(benchmark::State& state) {
    const DhKey owner = secret_of(1);
    const DhKey owner_public = public_of(owner);
    for (auto _ : state) {
        NoiseInitiator initiator({}, owner, secret_of(2));
        NoiseResponder responder({}, owner_public, secret_of(3));
        std::array<std::uint8_t, noise_first_overhead> first{};
        std::array<std::uint8_t, noise_second_overhead> second{};
        ByteView payload;
        NoiseSession at_owner;
        NoiseSession at_module;
        if (!initiator.write_first({}, first) ||
            responder.read_first(first, payload) != Error::none ||
            !responder.write_second({}, second, at_module) ||
            initiator.read_second(second, payload, at_owner) != Error::none) {
            state.SkipWithError("no session");
            return;
        }
    }
}

BENCHMARK(seal_and_open<Algorithm::aes_128_gcm>)->Arg(16)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(openssl_seal_and_open)->Arg(16)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(seal_and_open<Algorithm::spongent_128>)->Arg(16)->Arg(64)->Arg(1024);
BENCHMARK(spongent_wrap)->Arg(2)->Arg(64)->Arg(1024);
BENCHMARK(x25519_ours);
BENCHMARK_CAPTURE(x25519_bearssl, m31, &br_ec_c25519_m31);
BENCHMARK_CAPTURE(x25519_bearssl, m15, &br_ec_c25519_m15);
BENCHMARK_CAPTURE(x25519_bearssl, i31, &br_ec_c25519_i31);
BENCHMARK_CAPTURE(x25519_bearssl, i15, &br_ec_c25519_i15);
BENCHMARK(x25519_openssl);
BENCHMARK(handshake);

} // namespace
} // namespace authex::crypto
