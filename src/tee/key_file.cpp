#include "tee/key_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

namespace authex::tee {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Diagnostic> bad_key(const std::string& what, const std::string& fix) {
    return failure("signing-key", what, fix);
}

/// Under a temporary name first, so that all who start at once agree on one key: processes, and
/// threads of this one.
Expected<bool> keep(const fs::path& file, EVP_PKEY& key) {
    std::string part = file.string() + ".XXXXXX";
    const int descriptor = ::mkostemp(part.data(), O_CLOEXEC); // mode 0600
    std::FILE* const stream = descriptor < 0 ? nullptr : ::fdopen(descriptor, "wb");
    const bool written =
        stream != nullptr &&
        PEM_write_PKCS8PrivateKey(stream, &key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
    const bool closed = stream != nullptr && std::fclose(stream) == 0;
    const bool kept =
        written && closed && (::link(part.c_str(), file.c_str()) == 0 || errno == EEXIST);
    const int error = errno;
    if (descriptor >= 0) {
        ::unlink(part.c_str());
    }
    return kept ? Expected<bool>(true)
                : bad_key(fmt::format("cannot write {}: {}",
                                      file.string(),
                                      std::generic_category().message(error)),
                          "make room, or name another file");
}

Expected<SharedKey> read_key(const fs::path& file, const KeyKind& kind) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    std::FILE* const stream = descriptor < 0 ? nullptr : ::fdopen(descriptor, "rb");
    if (stream == nullptr) {
        return bad_key(fmt::format("cannot read {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)),
                       "look at its owner and mode");
    }
    struct stat status {};
    const bool secret = ::fstat(descriptor, &status) == 0 && (status.st_mode & 077U) == 0;
    SharedKey key(PEM_read_PrivateKey(stream, nullptr, nullptr, nullptr), EVP_PKEY_free);
    (void)std::fclose(stream);
    if (!secret) {
        return bad_key(fmt::format("others may read {}", file.string()),
                       fmt::format("chmod 600 {}", file.string()));
    }
    if (key == nullptr || !kind.fits(*key)) {
        return bad_key(fmt::format("{} is no {}", file.string(), kind.name), kind.command);
    }
    return key;
}

} // namespace

Expected<SharedKey> open_key_file(const fs::path& file, const KeyKind& kind) {
    std::error_code error;
    if (!fs::exists(file, error)) {
        const SharedKey fresh = kind.make();
        if (fresh == nullptr) {
            return bad_key("no key can be made", "look at the installation of OpenSSL");
        }
        fs::create_directories(file.parent_path(), error);
        const Expected<bool> kept = keep(file, *fresh);
        if (!kept) {
            return tl::make_unexpected(kept.error());
        }
    }
    return read_key(file, kind);
}

} // namespace authex::tee
