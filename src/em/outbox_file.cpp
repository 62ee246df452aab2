#include "em/outbox_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace authex::em {
namespace {

/// A file descriptor that is closed at the end of the scope; the mapping stays.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

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

/// That the disk has the file, its folder and the one of all queues under their names.
bool sync_names(const std::filesystem::path& file) {
    std::filesystem::path folder = file;
    for (int level = 0; level < 3; ++level) {
        folder = folder.parent_path();
        const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (opened.get() < 0 || ::fsync(opened.get()) != 0) {
            return false;
        }
    }
    return true;
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
    if (file.get() < 0 && errno == ENOENT) {
        return store;
    }
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
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

bool FileStore::replace(std::size_t size, const std::function<void(Bytes)>& fill) {
    const std::string next = path_.string() + ".new";
    const Descriptor file(::open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    // The blocks are taken now: a full disk must be an error here, not a SIGBUS at a later store.
    if (file.get() < 0 || ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)) != 0) {
        ::unlink(next.c_str());
        return false;
    }
    const Bytes mapped = map(file.get(), size);
    if (mapped.empty()) {
        ::unlink(next.c_str());
        return false;
    }
    fill(mapped);
    const bool written = !durable_ || ::fsync(file.get()) == 0;
    if (!written || ::rename(next.c_str(), path_.c_str()) != 0) {
        ::munmap(mapped.data(), mapped.size());
        ::unlink(next.c_str());
        return false;
    }
    unmap();
    mapped_ = mapped;
    named_ = !durable_;
    return true;
}

bool FileStore::sync() {
    if (!durable_ || mapped_.empty()) {
        return true;
    }
    named_ = named_ || sync_names(path_);
    return named_ && ::msync(mapped_.data(), mapped_.size(), MS_SYNC) == 0;
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
