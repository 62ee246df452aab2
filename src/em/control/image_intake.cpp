#include "em/control/image_intake.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace authex::em {
namespace {

tl::unexpected<Diagnostic> disk_failure(const std::filesystem::path& path) {
    return failure("store",
                   fmt::format("{}: {}", path.string(), std::generic_category().message(errno)),
                   "check the state directory: its owner and mode, and the room on its disk");
}

} // namespace

struct ImageIntake::Hash {
    Hash() : context(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
    ~Hash() { EVP_MD_CTX_free(context); }
    Hash(const Hash&) = delete;
    Hash& operator=(const Hash&) = delete;
    EVP_MD_CTX* context;
};

ImageIntake::ImageIntake(std::filesystem::path path,
                         int file,
                         std::uint64_t bytes,
                         const tee::Sha256& digest)
    : path_(std::move(path)), file_(file), image_bytes_(bytes), digest_(digest),
      hash_(std::make_unique<Hash>()) {}

ImageIntake::~ImageIntake() {
    if (file_ >= 0) {
        ::close(file_);
    }
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

Expected<std::unique_ptr<ImageIntake>> ImageIntake::open(const std::filesystem::path& folder,
                                                         std::uint64_t image_bytes,
                                                         const tee::Sha256& digest) {
    std::string pattern = (folder / "image-XXXXXX").string();
    const int file = ::mkostemp(pattern.data(), O_CLOEXEC);
    if (file < 0) {
        return disk_failure(folder);
    }
    return std::unique_ptr<ImageIntake>(new ImageIntake(pattern, file, image_bytes, digest));
}

Expected<bool> ImageIntake::write(ByteView chunk) {
    if (chunk.size() > image_bytes_ - received_bytes_) {
        return failure(
            "image-size",
            fmt::format("the image is longer than the {} bytes announced", image_bytes_));
    }
    EVP_DigestUpdate(hash_->context, chunk.data(), chunk.size());
    received_bytes_ += chunk.size();
    while (!chunk.empty()) {
        const ssize_t written = ::write(file_, chunk.data(), chunk.size());
        if (written < 0 && errno != EINTR) {
            return disk_failure(path_);
        }
        chunk = chunk.subspan(static_cast<std::size_t>(written < 0 ? 0 : written));
    }
    return true;
}

Expected<std::filesystem::path> ImageIntake::finish() {
    if (!complete()) {
        return failure(
            "image-size",
            fmt::format("the image ended after {} of {} bytes", received_bytes_, image_bytes_));
    }
    tee::Sha256 computed{};
    EVP_DigestFinal_ex(hash_->context, computed.data(), nullptr);
    if (computed != digest_) {
        return failure("image-digest",
                       "the image arrived with another SHA-256 than announced",
                       "load it again");
    }
    const int closed = ::close(file_);
    file_ = -1;
    if (closed != 0) {
        return disk_failure(path_);
    }
    return path_;
}

} // namespace authex::em
