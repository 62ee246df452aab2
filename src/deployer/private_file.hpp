#pragma once
// Files with secrets: made whole or not at all, never readable by others.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/diagnostic.hpp"
#include "deployer/secret.hpp"

namespace authex::deployer {

enum class FileAccess : std::uint8_t { owner_only, everyone_reads };

/// The folder with mode 0700, made where it is missing; one that exists is left as it is. @error
/// file-unwritable
Expected<bool> create_private_folder(const std::filesystem::path& folder);
/// Writes a file that must not exist: on the disk before its name is. @error file-exists |
/// file-unwritable
Expected<bool>
create_file(const std::filesystem::path& file, std::string_view content, FileAccess access);
/// The same, in the place of what is there.
Expected<bool>
replace_file(const std::filesystem::path& file, std::string_view content, FileAccess access);
/// @error file-unreadable | file-readable-by-others
Expected<Secret> read_private_file(const std::filesystem::path& file);

/// Until it goes, no other process or thread that takes it for the same folder goes on. Ends with
/// the process.
class FolderLock {
  public:
    /// Waits as long as another has it. @error file-unreadable: there is no such folder
    static Expected<FolderLock> take(const std::filesystem::path& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;
    FolderLock& operator=(FolderLock&&) = delete;
    ~FolderLock();

  private:
    explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

} // namespace authex::deployer
