#include "deployer/private_file.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "tee/process/descriptor.hpp"

namespace authex::deployer {
namespace {

tl::unexpected<Diagnostic> unwritable(const std::filesystem::path& path, int error) {
    return failure(
        "file-unwritable",
        fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(error)),
        "is the disk full or read-only, or does the folder belong to somebody else?");
}

bool write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t count = ::write(fd, content.data(), content.size());
        if (count < 0 && errno != EINTR) {
            return false;
        }
        content.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return ::fsync(fd) == 0;
}

/// The content under a name of its own beside `file`, on the disk.
Expected<std::filesystem::path>
write_beside(const std::filesystem::path& file, std::string_view content, FileAccess access) {
    static std::atomic<unsigned> serial{0};
    std::filesystem::path temporary =
        file.string() + fmt::format(".{}.{}.new", ::getpid(), serial++);
    const mode_t mode = access == FileAccess::owner_only ? 0600 : 0644;
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return unwritable(file, errno);
    }
    const bool written = write_all(fd, content);
    const int error = errno;
    ::close(fd);
    if (!written) {
        ::unlink(temporary.c_str());
        return unwritable(file, error);
    }
    return temporary;
}

} // namespace

Expected<bool> create_private_folder(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) {
        return true;
    }
    if (folder.has_parent_path()) {
        std::filesystem::create_directories(folder.parent_path(), error);
    }
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return unwritable(folder, errno);
    }
    return true;
}

Expected<bool>
create_file(const std::filesystem::path& file, std::string_view content, FileAccess access) {
    const auto temporary = write_beside(file, content, access);
    if (!temporary) {
        return tl::make_unexpected(temporary.error());
    }
    // A link, unlike a rename, fails where the name exists.
    const bool linked = ::link(temporary->c_str(), file.c_str()) == 0;
    const int error = errno;
    ::unlink(temporary->c_str());
    if (!linked && error == EEXIST) {
        return failure("file-exists", fmt::format("{} exists already", file.string()));
    }
    if (!linked) {
        return unwritable(file, error);
    }
    return true;
}

Expected<bool>
replace_file(const std::filesystem::path& file, std::string_view content, FileAccess access) {
    const auto temporary = write_beside(file, content, access);
    if (!temporary) {
        return tl::make_unexpected(temporary.error());
    }
    if (::rename(temporary->c_str(), file.c_str()) != 0) {
        const int error = errno;
        ::unlink(temporary->c_str());
        return unwritable(file, error);
    }
    return true;
}

Expected<Secret> read_private_file(const std::filesystem::path& file) {
    const auto unreadable = [&] {
        return failure("file-unreadable",
                       fmt::format("cannot read {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)));
    };
    // What is asked about is the file that is read, whatever its name is given to meanwhile.
    const tee::process::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (!descriptor.open() || ::fstat(descriptor.get(), &info) != 0) {
        return unreadable();
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return failure("file-readable-by-others",
                       fmt::format("{} may be read by others", file.string()),
                       fmt::format("if nobody did: chmod 600 {}", file.string()));
    }
    std::vector<std::uint8_t> content(static_cast<std::size_t>(info.st_size));
    for (std::size_t have = 0; have < content.size();) {
        const ssize_t count =
            ::read(descriptor.get(), content.data() + have, content.size() - have);
        if (count < 0 && errno != EINTR) {
            return unreadable();
        }
        if (count == 0) {
            content.resize(have);
        }
        have += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    return Secret(std::move(content));
}

Expected<FolderLock> FolderLock::take(const std::filesystem::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FolderLock lock(fd);
    int locked = -1;
    do {
        locked = ::flock(fd, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) {
        return failure("file-unreadable",
                       fmt::format("cannot lock {}: {}",
                                   folder.string(),
                                   std::generic_category().message(errno)));
    }
    return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

} // namespace authex::deployer
