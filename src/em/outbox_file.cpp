#include "em/outbox_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tee/process/descriptor.hpp"
#include "tee/process/sync_folders.hpp"

namespace authex::em {
namespace {

using tee::process::Descriptor;

Bytes map(int fd, std::size_t size) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        return {};
    }
    return {static_cast<std::uint8_t*>(address), size};
}

std::filesystem::path folder_of(const std::filesystem::path& directory, const OutboxName& name) {
    return directory / fmt::format("{}-{}", name.deployment, name.channel);
}

/// The file, its folder and the one of all queues.
bool sync_names(const std::filesystem::path& file) {
    return tee::process::sync_folders(file.parent_path(), 3);
}

tl::unexpected<Diagnostic> not_written(const std::filesystem::path& file, int error) {
    return failure("disk-failed",
                   fmt::format("{} cannot be written: {}",
                               file.string(),
                               std::generic_category().message(error)),
                   error == ENOSPC ? "make room on the disk of the state directory"
                                   : "look at the disk of the state directory (dmesg)");
}

std::string prefix_of(const OutboxName& name) {
    return name.direction == wire::Direction::forward ? "f-" : "b-";
}

} // namespace

std::filesystem::path outbox_path(const std::filesystem::path& directory, const OutboxName& name) {
    return folder_of(directory, name) / fmt::format("{}{}.outbox", prefix_of(name), name.epoch);
}

Expected<std::unique_ptr<FileStore>> FileStore::open(const std::filesystem::path& path,
                                                     bool durable) {
    std::unique_ptr<FileStore> store(new FileStore(path, durable));
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.open() && errno == ENOENT) {
        return store;
    }
    struct stat status {};
    if (!file.open() || ::fstat(file.get(), &status) != 0) {
        return failure("outbox-file",
                       fmt::format("{} cannot be opened: {}",
                                   path.string(),
                                   std::generic_category().message(errno)),
                       "check the state directory's owner and mode");
    }
    if (status.st_size > 0) {
        store->mapped_ = map(file.get(), static_cast<std::size_t>(status.st_size));
        if (store->mapped_.empty()) {
            return failure("outbox-file",
                           fmt::format("{} cannot be mapped: {}",
                                       path.string(),
                                       std::generic_category().message(errno)),
                           "check the limit of address space (ulimit -v)");
        }
        store->doubtful_ = durable; // an earlier process may have been told
    }
    return store;
}

FileStore::~FileStore() {
    unmap();
}

void FileStore::unmap() {
    if (!mapped_.empty()) {
        ::munmap(mapped_.data(), mapped_.size());
        mapped_ = {};
    }
}

/// @return false: errno says why
bool FileStore::replace(std::size_t size, const std::function<void(Bytes)>& fill) {
    const std::string next = path_.string() + ".new";
    const auto given_up = [&next](int error) {
        ::unlink(next.c_str());
        errno = error;
        return false;
    };
    const Descriptor file(::open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.open()) {
        return given_up(errno);
    }
    // The blocks are taken now: a full disk must be an error here, not a SIGBUS at a later store.
    const int full = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size));
    const Bytes mapped = full == 0 ? map(file.get(), size) : Bytes();
    if (mapped.empty()) {
        return given_up(full == 0 ? errno : full);
    }
    fill(mapped);
    const bool written = !durable_ || ::fsync(file.get()) == 0;
    if (!written || ::rename(next.c_str(), path_.c_str()) != 0) {
        const int error = errno;
        ::munmap(mapped.data(), mapped.size());
        return given_up(error);
    }
    unmap();
    mapped_ = mapped;
    named_ = !durable_;
    doubtful_ = false;
    return true;
}

bool FileStore::write_anew() {
    return replace(mapped_.size(), [this](Bytes bytes) { copy(mapped_, bytes); });
}

Expected<bool> FileStore::sync() {
    if (!durable_ || mapped_.empty()) {
        return true;
    }
    if (doubtful_ && !write_anew()) {
        return not_written(path_, errno);
    }
    named_ = named_ || sync_names(path_);
    if (!named_ || ::msync(mapped_.data(), mapped_.size(), MS_SYNC) != 0) {
        doubtful_ = true;
        return not_written(path_, errno);
    }
    return true;
}

Expected<std::unique_ptr<Outbox>> open_outbox_file(const std::filesystem::path& directory,
                                                   const OutboxName& name,
                                                   SpillBudget& budget,
                                                   bool durable,
                                                   std::string& note) {
    const std::filesystem::path path = outbox_path(directory, name);
    std::error_code error; // opening the file says it better
    std::filesystem::create_directories(path.parent_path(), error);
    for (int attempt = 0;; ++attempt) {
        Expected<std::unique_ptr<FileStore>> store = FileStore::open(path, durable);
        if (!store) {
            return tl::make_unexpected(store.error());
        }
        Expected<std::unique_ptr<Outbox>> outbox = Outbox::open(std::move(*store), name, budget);
        if (outbox || outbox.error().code != "outbox-damaged" || attempt > 0) {
            return outbox;
        }
        std::error_code ignored;
        std::filesystem::rename(path, path.string() + ".damaged", ignored);
        note = fmt::format("{}; set aside as {}.damaged", outbox.error().summary, path.string());
    }
}

void remove_outbox_files(const std::filesystem::path& directory, const OutboxName& name) {
    const std::string prefix = prefix_of(name);
    const std::string kept = name.epoch == 0 ? "" : outbox_path({}, name).filename().string();
    const std::filesystem::path folder = folder_of(directory, name);
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string file = entry.path().filename().string();
        if (file.starts_with(prefix) && file != kept && !file.ends_with(".damaged")) {
            std::error_code ignored;
            std::filesystem::remove(entry.path(), ignored);
        }
    }
    if (name.epoch == 0) {
        std::filesystem::remove(folder, error); // if nothing is left
    }
}

} // namespace authex::em
