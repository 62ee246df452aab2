#include "machine_clock.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

#include <sys/mman.h>

namespace authex::test {

MachineClock::MachineClock(std::filesystem::path file) : file_(std::move(file)) {
    const int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(std::int64_t)) != 0) {
        throw std::runtime_error("cannot make a clock");
    }
    void* const mapped =
        ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (mapped == MAP_FAILED) {
        throw std::runtime_error("cannot map a clock");
    }
    seconds_ = static_cast<std::int64_t*>(mapped);
}

MachineClock::~MachineClock() {
    ::munmap(const_cast<std::int64_t*>(seconds_), sizeof(std::int64_t));
}

std::vector<std::string> MachineClock::words() const {
    return {"/usr/bin/env",
            std::string("LD_PRELOAD=") + AUTHEX_JUMPING_CLOCK,
            "AUTHEX_TEST_CLOCK=" + file_.string()};
}

void MachineClock::set(std::int64_t seconds) {
    *seconds_ = seconds;
}

} // namespace authex::test
