#include "deployer/sealed_file.hpp"

#include <array>
#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/bytes.hpp"

namespace authex::deployer {
namespace {

constexpr std::string_view sealed_magic = "authex export\n";
constexpr std::uint16_t sealed_version = 1;
constexpr std::size_t version_at = sealed_magic.size();
constexpr std::size_t cost_at = version_at + 2;
constexpr std::size_t salt_at = cost_at + 3;
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t nonce_at = salt_at + salt_bytes;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t header_bytes = nonce_at + nonce_bytes;
constexpr std::size_t tag_bytes = 16;

/// What scrypt may cost: N = 2^log2_n, memory 128·N·r bytes.
struct Cost {
    std::uint8_t log2_n = 17;
    std::uint8_t r = 8;
    std::uint8_t p = 1;
};
// A file may ask for more than is written today, not for any amount.
constexpr std::uint8_t log2_n_max = 20;
constexpr std::uint8_t r_max = 8;
constexpr std::uint8_t p_max = 4;
constexpr std::uint64_t memory_max = std::uint64_t{3} << 29U;

using FileKey = std::array<std::uint8_t, 32>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const std::uint8_t* octets(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}
std::uint8_t* octets(std::string& text) {
    return reinterpret_cast<std::uint8_t*>(text.data());
}

Expected<FileKey> derive(std::string_view passphrase, std::string_view header) {
    const auto cost = [&](std::size_t i) { return static_cast<std::uint8_t>(header[cost_at + i]); };
    FileKey key{};
    const std::uint64_t n = std::uint64_t{1} << cost(0);
    if (EVP_PBE_scrypt(passphrase.data(),
                       passphrase.size(),
                       octets(header.substr(salt_at)),
                       salt_bytes,
                       n,
                       cost(1),
                       cost(2),
                       memory_max,
                       key.data(),
                       key.size()) != 1) {
        return failure("out-of-memory",
                       "there is not enough memory to derive a key from the passphrase",
                       fmt::format("it takes {} MiB", 128 * n * cost(1) >> 20U));
    }
    return key;
}

} // namespace

Expected<std::string> seal_file(std::string_view content, std::string_view passphrase) {
    constexpr Cost cost;
    std::string sealed(sealed_magic);
    sealed += {static_cast<char>(sealed_version & 0xFFU),
               static_cast<char>(sealed_version >> 8U),
               static_cast<char>(cost.log2_n),
               static_cast<char>(cost.r),
               static_cast<char>(cost.p)};
    sealed.resize(header_bytes);
    if (RAND_bytes(octets(sealed) + salt_at, salt_bytes + nonce_bytes) != 1) {
        return failure("no-randomness", "the system gives no random numbers");
    }
    Expected<FileKey> key = derive(passphrase, sealed);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    sealed.resize(header_bytes + content.size() + tag_bytes);
    std::uint8_t* const out = octets(sealed);
    const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int length = 0;
    const bool done =
        context != nullptr &&
        EVP_EncryptInit_ex(
            context.get(), EVP_aes_256_gcm(), nullptr, key->data(), out + nonce_at) == 1 &&
        EVP_EncryptUpdate(context.get(), nullptr, &length, out, header_bytes) == 1 &&
        EVP_EncryptUpdate(context.get(),
                          out + header_bytes,
                          &length,
                          octets(content),
                          static_cast<int>(content.size())) == 1 &&
        EVP_EncryptFinal_ex(context.get(), out + header_bytes + content.size(), &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(
            context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, out + header_bytes + content.size()) ==
            1;
    wipe(*key);
    return done ? Expected<std::string>(std::move(sealed))
                : failure("tls", "OpenSSL cannot encrypt with AES-256-GCM");
}

Expected<std::string> open_file(std::string_view sealed, std::string_view passphrase) {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(sealed[i]); };
    if (sealed.size() < header_bytes + tag_bytes ||
        sealed.substr(0, sealed_magic.size()) != sealed_magic) {
        return failure("export-malformed",
                       "this is no file of authex export",
                       "name the file that authex export FILE has written");
    }
    const unsigned written_by = at(version_at) | static_cast<unsigned>(at(version_at + 1)) << 8U;
    if (written_by != sealed_version) {
        return failure("export-newer",
                       fmt::format("the file has version {}, and this authex reads {}",
                                   written_by,
                                   sealed_version),
                       "use the release that wrote it, or a newer one");
    }
    if (at(cost_at) < 10 || at(cost_at) > log2_n_max || at(cost_at + 1) < 1 ||
        at(cost_at + 1) > r_max || at(cost_at + 2) < 1 || at(cost_at + 2) > p_max) {
        return failure("export-malformed", "the file asks for a key derivation beyond all measure");
    }
    Expected<FileKey> key = derive(passphrase, sealed);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    std::string content(sealed.size() - header_bytes - tag_bytes, '\0');
    std::array<std::uint8_t, tag_bytes> tag{};
    copy({octets(sealed.substr(sealed.size() - tag_bytes)), tag_bytes}, tag);
    const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int length = 0;
    const bool done =
        context != nullptr &&
        EVP_DecryptInit_ex(context.get(),
                           EVP_aes_256_gcm(),
                           nullptr,
                           key->data(),
                           octets(sealed.substr(nonce_at))) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &length, octets(sealed), header_bytes) == 1 &&
        EVP_DecryptUpdate(context.get(),
                          octets(content),
                          &length,
                          octets(sealed.substr(header_bytes)),
                          static_cast<int>(content.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(context.get(), octets(content) + content.size(), &length) == 1;
    wipe(*key);
    if (!done) {
        wipe({octets(content), content.size()});
        return failure("export-unopened",
                       "the file does not open: the passphrase is another, or the file was changed",
                       "try again; without the passphrase nothing in it can be had");
    }
    return content;
}

} // namespace authex::deployer
