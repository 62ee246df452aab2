#include "deployer/image_store.hpp"

#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace authex::deployer {

std::filesystem::path kept_image(const std::filesystem::path& folder, ByteView sha256) {
    return folder / fmt::format("{:02x}", fmt::join(sha256, ""));
}

Expected<bool> keep_image(const std::filesystem::path& folder,
                          const std::filesystem::path& image,
                          ByteView sha256) {
    const std::filesystem::path file = kept_image(folder, sha256);
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        return true;
    }
    // Whole or not at all, also where another deployer does the same.
    const std::filesystem::path part = fmt::format("{}.{}", file.string(), ::getpid());
    std::filesystem::create_directories(folder, error);
    if (!error) {
        std::filesystem::copy_file(
            image, part, std::filesystem::copy_options::overwrite_existing, error);
    }
    if (!error) {
        std::filesystem::rename(part, file, error);
    }
    return error ? failure("file-unwritable",
                           fmt::format("cannot keep a copy of the image {} in {}: {}",
                                       image.string(),
                                       folder.string(),
                                       error.message()),
                           "make room on the disk, or mend the folder's mode")
                 : Expected<bool>(true);
}

void keep_only(const std::filesystem::path& folder,
               const std::set<std::vector<std::uint8_t>>& digests) {
    std::set<std::string> names;
    for (const auto& digest : digests) {
        names.insert(kept_image(folder, digest).filename().string());
    }
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (!names.contains(entry.path().filename().string())) {
            std::filesystem::remove(entry.path(), error);
        }
    }
}

} // namespace authex::deployer
