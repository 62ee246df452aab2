#include "tee/trustzone/signer.hpp"

#include <cstdio>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tee/distant_signature.hpp"
#include "tee/key_file.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;

constexpr unsigned key_bits_made = 2048;
constexpr int key_bits_min = 2048;
constexpr int key_bits_max = 4096;

using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

SharedKey make_key() {
    return {EVP_RSA_gen(key_bits_made), EVP_PKEY_free};
}

bool fits(const EVP_PKEY& key) {
    const int bits = EVP_PKEY_get_bits(&key);
    return EVP_PKEY_is_a(&key, "RSA") == 1 && bits >= key_bits_min && bits <= key_bits_max;
}

/// Null: the file is none of a public key.
SharedKey read_public(const fs::path& file) {
    std::FILE* const stream = std::fopen(file.c_str(), "rbe");
    if (stream == nullptr) {
        return nullptr;
    }
    SharedKey key(PEM_read_PUBKEY(stream, nullptr, nullptr, nullptr), EVP_PKEY_free);
    (void)std::fclose(stream);
    return key != nullptr && fits(*key) ? key : nullptr;
}

Expected<SharedKey> read_private(const fs::path& file) {
    return open_key_file(
        file,
        {.make = make_key,
         .fits = fits,
         .name = "RSA key of 2048 to 4096 bits",
         .command = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"});
}

/// Ready for the operation, over hashes that were computed already.
Context context_of(EVP_PKEY& key, int (*init)(EVP_PKEY_CTX*), std::uint32_t algorithm) {
    Context context(EVP_PKEY_CTX_new(&key, nullptr), EVP_PKEY_CTX_free);
    const bool pss = algorithm == algorithm_pss;
    const bool ready =
        context != nullptr && init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context.get(),
                                     pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
        (!pss ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), static_cast<int>(signed_hash_bytes)) == 1);
    if (!ready) {
        context.reset();
    }
    return context;
}

bool holds(const SignedTa& ta, EVP_PKEY& key) {
    const Context context = context_of(key, EVP_PKEY_verify_init, ta.algorithm);
    return context != nullptr && EVP_PKEY_verify(context.get(),
                                                 ta.signature.data(),
                                                 ta.signature.size(),
                                                 ta.hash.data(),
                                                 ta.hash.size()) == 1;
}

Expected<std::vector<std::uint8_t>> sign(const SignedTa& ta, EVP_PKEY& key) {
    const Context context = context_of(key, EVP_PKEY_sign_init, ta.algorithm);
    std::vector<std::uint8_t> signature(static_cast<std::size_t>(EVP_PKEY_get_size(&key)));
    std::size_t size = signature.size();
    if (context == nullptr ||
        EVP_PKEY_sign(context.get(), signature.data(), &size, ta.hash.data(), ta.hash.size()) !=
            1) {
        return failure("signing-key", "the TA cannot be signed", "look at the signing key");
    }
    signature.resize(size);
    return signature;
}

/// What somebody has signed elsewhere.
Expected<std::vector<std::uint8_t>>
take_signature(const SignedTa& ta, EVP_PKEY& key, const fs::path& folder, const std::string& name) {
    const DistantSignature distant(folder, name);
    std::vector<std::uint8_t> signature = distant.read();
    SignedTa checked = ta;
    checked.signature = signature;
    if (holds(checked, key)) {
        return signature;
    }
    return distant.ask(signed_bytes(ta, static_cast<std::size_t>(EVP_PKEY_get_size(&key))));
}

} // namespace

Expected<std::vector<std::uint8_t>>
sign_ta(SignedTa ta, const Signing& signing, const std::string& name) {
    const bool distant = !signing.public_key.empty();
    Expected<SharedKey> key =
        distant ? Expected<SharedKey>(read_public(signing.public_key)) : read_private(signing.key);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    if (*key == nullptr) {
        return failure("signing-key",
                       fmt::format("{} is no public RSA key of 2048 to 4096 bits",
                                   signing.public_key.string()),
                       "openssl rsa -in KEY -pubout");
    }
    ta.hash = signed_hash(ta, static_cast<std::size_t>(EVP_PKEY_get_size(key->get())));
    const Expected<std::vector<std::uint8_t>> signature =
        distant ? take_signature(ta, **key, signing.signatures, name) : sign(ta, **key);
    if (!signature) {
        return signature;
    }
    ta.signature = *signature;
    return write_signed_ta(ta);
}

Expected<bool> signature_holds(const SignedTa& ta, const fs::path& key_file) {
    SharedKey key = read_public(key_file);
    if (key == nullptr) {
        std::error_code error;
        if (!fs::exists(key_file, error)) {
            return failure("signing-key",
                           fmt::format("there is no {}", key_file.string()),
                           "name the PEM file of the key that signs TAs");
        }
        const Expected<SharedKey> whole = read_private(key_file);
        if (!whole) {
            return tl::make_unexpected(whole.error());
        }
        key = *whole;
    }
    return holds(ta, *key);
}

} // namespace authex::tee::trustzone
