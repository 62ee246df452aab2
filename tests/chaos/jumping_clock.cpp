// Loaded before the C library into a program whose date is to jump: it is later than the machine's
// by the seconds that the file AUTHEX_TEST_CLOCK holds, eight bytes of this machine's. Its
// monotonic clock goes on, as on a machine whose clock is set.
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

namespace {

using Syscall = long(long, ...);

Syscall* real_syscall() {
    static auto* const found = reinterpret_cast<Syscall*>(::dlsym(RTLD_NEXT, "syscall"));
    return found;
}

std::int64_t later_by() {
    static const volatile std::int64_t* const seconds = [] {
        const char* const path = std::getenv("AUTHEX_TEST_CLOCK");
        const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
        void* const mapped = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
        ::close(file);
        return mapped == MAP_FAILED ? nullptr : static_cast<const std::int64_t*>(mapped);
    }();
    return seconds == nullptr ? 0 : *seconds;
}

bool is_date(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const long status = real_syscall()(SYS_clock_gettime, clock, time);
    if (status == 0 && is_date(clock)) {
        time->tv_sec += later_by();
    }
    return static_cast<int>(status);
}

int gettimeofday(timeval* time, void*) noexcept {
    timespec now{};
    const int status = ::clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return status;
}

time_t time(time_t* to) noexcept {
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    if (to != nullptr) {
        *to = now.tv_sec;
    }
    return now.tv_sec;
}

/// Who waits until a date waits for the kernel's.
long syscall(long number, ...) noexcept {
    va_list list;
    va_start(list, number);
    long arguments[6];
    for (long& argument : arguments) {
        argument = va_arg(list, long);
    }
    va_end(list);
    timespec until{};
    const bool waits =
        number == SYS_futex && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0 && arguments[3] != 0;
    if (waits) {
        until = *reinterpret_cast<const timespec*>(arguments[3]);
        until.tv_sec -= later_by();
        arguments[3] = reinterpret_cast<long>(&until);
    }
    return real_syscall()(
        number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
}
