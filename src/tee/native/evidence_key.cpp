#include "tee/native/evidence_key.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

namespace authex::tee::native {
namespace {

namespace fs = std::filesystem;
using Key = std::shared_ptr<EVP_PKEY>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

tl::unexpected<Diagnostic>
bad_key(const fs::path& path, const std::string& why, std::string fix = {}) {
    return failure("evidence-key",
                   fmt::format("the node's evidence key {}: {}", path.string(), why),
                   std::move(fix));
}

Key adopt(EVP_PKEY* key) {
    return Key(key, [](EVP_PKEY* owned) { EVP_PKEY_free(owned); });
}

/// Writes a new key under another name and gives it its own where nobody was faster.
Expected<bool> make_key(const fs::path& path) {
    const Key key = adopt(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) {
        return bad_key(path, "OpenSSL cannot make an Ed25519 key");
    }
    std::string temporary = path.string() + ".XXXXXX";
    const int fd = ::mkstemp(temporary.data()); // mode 0600
    if (fd < 0) {
        return bad_key(
            path, std::generic_category().message(errno), "is the state directory writable?");
    }
    File file(::fdopen(fd, "w"), &std::fclose);
    bool written = file != nullptr &&
                   PEM_write_PKCS8PrivateKey(
                       file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
                   std::fflush(file.get()) == 0 && ::fsync(fd) == 0;
    // link() and not rename(): an existing key is never replaced.
    written = written && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
    const int error = errno;
    ::unlink(temporary.c_str());
    if (!written) {
        return bad_key(
            path, std::generic_category().message(error), "is the disk full or read-only?");
    }
    return true;
}

} // namespace

Expected<EvidenceKey> EvidenceKey::open(const fs::path& directory) {
    const fs::path path = directory / "evidence-key.pem";
    std::error_code error;
    fs::create_directories(directory, error);
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        if (const Expected<bool> made = make_key(path); !made) {
            return tl::make_unexpected(made.error());
        }
        fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    const File file(fd < 0 ? nullptr : ::fdopen(fd, "r"), &std::fclose);
    struct stat status {};
    if (file == nullptr || ::fstat(fd, &status) != 0) {
        return bad_key(path, std::generic_category().message(errno));
    }
    if ((status.st_mode & 077U) != 0) {
        return bad_key(path, "others may read it", fmt::format("chmod 600 {}", path.string()));
    }
    const Key key = adopt(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
    if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
        return bad_key(path,
                       "not an Ed25519 key in PEM",
                       "remove it: a new one is made, and the deployers of this node pin it anew");
    }
    std::vector<std::uint8_t> public_key(evidence_key_bytes);
    std::size_t size = public_key.size();
    if (EVP_PKEY_get_raw_public_key(key.get(), public_key.data(), &size) != 1 ||
        size != public_key.size()) {
        return bad_key(path, "its public half cannot be read");
    }
    return EvidenceKey(key, std::move(public_key));
}

Expected<std::array<std::uint8_t, signature_bytes>> EvidenceKey::sign(ByteView message) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    std::array<std::uint8_t, signature_bytes> signature{};
    std::size_t size = signature.size();
    if (context == nullptr ||
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) !=
            1 ||
        size != signature.size()) {
        return failure("evidence-key", "OpenSSL cannot sign the evidence");
    }
    return signature;
}

} // namespace authex::tee::native
