#include "tee/trustzone/device_public_key.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/free_with.hpp"
#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/rsa_public_key.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;

constexpr unsigned exponent = 65537;

template <typename T, auto free>
using Owned = std::unique_ptr<T, FreeWith<free>>;
using Number = Owned<BIGNUM, BN_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

Number parameter(const EVP_PKEY& key, const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(&key, name, &number);
    return Number(number);
}

} // namespace

PublicKey key_of_modulus(ByteView modulus) {
    if (modulus.size() != device_modulus_bytes || modulus[0] < 0x80) {
        return nullptr;
    }
    const Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    if (n == nullptr || builder == nullptr ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_uint(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) != 1) {
        return nullptr;
    }
    const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return PublicKey(key);
}

Expected<std::vector<std::uint8_t>> read_device_key(const fs::path& file) {
    std::FILE* const stream = std::fopen(file.c_str(), "rbe");
    if (stream == nullptr) {
        return failure("device-key",
                       fmt::format("cannot read {}", file.string()),
                       "authex node enroll NODE makes it");
    }
    const PublicKey key(PEM_read_PUBKEY(stream, nullptr, nullptr, nullptr));
    (void)std::fclose(stream);
    std::vector<std::uint8_t> modulus(device_modulus_bytes);
    const Number n = key ? parameter(*key, OSSL_PKEY_PARAM_RSA_N) : nullptr;
    const Number e = key ? parameter(*key, OSSL_PKEY_PARAM_RSA_E) : nullptr;
    if (n == nullptr || e == nullptr || BN_is_word(e.get(), exponent) != 1 ||
        BN_num_bytes(n.get()) != static_cast<int>(modulus.size()) ||
        BN_bn2bin(n.get(), modulus.data()) != static_cast<int>(modulus.size())) {
        return failure("device-key",
                       fmt::format("{} is no public RSA key of 3072 bits with the exponent 65537",
                                   file.string()),
                       "authex node enroll NODE makes it");
    }
    return modulus;
}

Expected<bool> write_device_key(const fs::path& file, ByteView modulus) {
    const PublicKey key = key_of_modulus(modulus);
    if (key == nullptr) {
        return failure("device-key", "what the node shows is no device key of OP-TEE");
    }
    std::error_code error;
    if (file.has_parent_path()) {
        fs::create_directories(file.parent_path(), error);
    }
    std::FILE* const stream = std::fopen(file.c_str(), "wbe");
    const bool written = stream != nullptr && PEM_write_PUBKEY(stream, key.get()) == 1;
    const bool closed = stream != nullptr && std::fclose(stream) == 0;
    return written && closed ? Expected<bool>(true)
                             : failure("device-key",
                                       fmt::format("cannot write {}", file.string()),
                                       "check owner and mode of its folder");
}

std::string fingerprint_of(ByteView modulus) {
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(modulus.data(), modulus.size(), digest.data());
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

} // namespace authex::tee::trustzone
