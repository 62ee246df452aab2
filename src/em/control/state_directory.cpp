#include "em/control/state_directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace authex::em {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Diagnostic> unusable(const fs::path& path, const std::string& why) {
    return failure("state-directory",
                   fmt::format("the state directory {} {}", path.string(), why),
                   "name another one with --state, or mend its owner and mode");
}

} // namespace

Expected<fs::path> default_state_directory(std::uint16_t port) {
    const char* state_home =
        std::getenv("XDG_STATE_HOME");      // NOLINT(concurrency-mt-unsafe): nobody writes it
    const char* home = std::getenv("HOME"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    fs::path base;
    if (state_home != nullptr && fs::path(state_home).is_absolute()) {
        base = state_home;
    } else if (home != nullptr && fs::path(home).is_absolute()) {
        base = fs::path(home) / ".local" / "state";
    } else {
        return failure("state-directory",
                       "neither XDG_STATE_HOME nor HOME says where state is kept",
                       "name a folder with --state");
    }
    return base / "authex" / fmt::format("em-{}", port);
}

Expected<StateDirectory> StateDirectory::open(const fs::path& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error);
    if (!error) {
        fs::create_directories(absolute.parent_path(), error);
    }
    if (error) {
        return unusable(path, "cannot be made: " + error.message());
    }
    if (::mkdir(absolute.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        return unusable(absolute, "cannot be made: " + std::generic_category().message(errno));
    }
    struct stat info {};
    if (::stat(absolute.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
        return unusable(absolute, "is no folder");
    }
    if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return unusable(absolute, "belongs to another user, or may be written by others");
    }
    const fs::path file = absolute / "lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (lock < 0) {
        return unusable(absolute, "cannot be written: " + std::generic_category().message(errno));
    }
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock);
        return failure(
            "state-in-use",
            fmt::format("another event manager uses the state directory {}", absolute.string()),
            "end that one first, or name another folder with --state");
    }
    return StateDirectory(absolute, lock);
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateDirectory::~StateDirectory() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

} // namespace authex::em
