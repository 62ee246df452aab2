#pragma once
// An image on its way in: a temporary file, its size and its digest.

#include <filesystem>
#include <memory>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "tee/loader.hpp"

namespace authex::em {

/// Not thread-safe. The file is removed with the object, unless somebody has moved it away.
class ImageIntake {
  public:
    /// @error store: the folder cannot be written
    static Expected<std::unique_ptr<ImageIntake>>
    open(const std::filesystem::path& folder, std::uint64_t image_bytes, const tee::Sha256& digest);
    ~ImageIntake();
    ImageIntake(const ImageIntake&) = delete;
    ImageIntake& operator=(const ImageIntake&) = delete;

    /// @error image-size: more than was announced | store
    Expected<bool> write(ByteView chunk);
    [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
    [[nodiscard]] bool complete() const { return received_bytes_ == image_bytes_; }
    /// Closes the file. @error image-size: less than was announced | image-digest | store
    Expected<std::filesystem::path> finish();

  private:
    struct Hash;
    ImageIntake(std::filesystem::path path,
                int file,
                std::uint64_t bytes,
                const tee::Sha256& digest);

    std::filesystem::path path_;
    int file_ = -1;
    std::uint64_t image_bytes_ = 0;
    std::uint64_t received_bytes_ = 0;
    tee::Sha256 digest_{};
    std::unique_ptr<Hash> hash_;
};

} // namespace authex::em
