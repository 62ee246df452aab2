#include "deployer/state_lock.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/file.h>

namespace authex::deployer {
namespace {

constexpr auto patience = std::chrono::seconds(1);
constexpr auto pause = std::chrono::milliseconds(10);

std::string holder_of(int descriptor) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    pid.erase(pid.find_last_not_of(" \n") + 1);
    return pid.empty() ? "of unknown number" : pid;
}

} // namespace

Expected<std::unique_ptr<StateLock>> StateLock::take(const std::filesystem::path& directory) {
    const std::filesystem::path file = directory / "lock";
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return failure("state-unwritable",
                       fmt::format("cannot open {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)),
                       "check owner and mode of the state directory");
    }
    std::unique_ptr<StateLock> lock(new StateLock(descriptor));
    const auto until = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (std::chrono::steady_clock::now() >= until) {
            return failure(
                "state-locked",
                fmt::format("process {} is changing this application", holder_of(descriptor)),
                "wait until it has ended, or end it, then run the same command again");
        }
        std::this_thread::sleep_for(pause);
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        return failure("state-unwritable",
                       fmt::format("cannot write {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)),
                       "make room on the disk");
    }
    return lock;
}

StateLock::~StateLock() {
    ::close(descriptor_);
}

} // namespace authex::deployer
