#include "tee/trustzone/simulator/clock.hpp"

#include <algorithm>
#include <ctime>
#include <optional>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace authex::tee::trustzone {
namespace {

/// `utee_defines.h`
enum class Category : std::uint64_t { system = 0, ta_persistent = 1, ree = 2 };

constexpr std::uint32_t millis_per_second = 1000;
struct Time { ///< TEE_Time
    std::uint32_t seconds = 0;
    std::uint32_t millis = 0;
};

/// How far the TA's time is ahead of the system's, in milliseconds, modulo 2³² seconds.
struct Offset {
    std::uint64_t millis = 0;
    bool was_ahead = false; ///< when it was set
};
std::optional<Offset> ta_offset;
constexpr std::uint64_t turn = (std::uint64_t{1} << 32U) * millis_per_second;

std::uint64_t millis_of(clockid_t clock) {
    timespec now{};
    (void)::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * millis_per_second +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}
std::uint64_t system_millis() {
    return millis_of(CLOCK_MONOTONIC);
}

Time to_time(std::uint64_t millis) {
    return {.seconds = static_cast<std::uint32_t>(millis / millis_per_second),
            .millis = static_cast<std::uint32_t>(millis % millis_per_second)};
}

} // namespace

std::uint32_t get_time(const Core& core, const Arguments& arguments) {
    std::uint64_t millis = 0;
    std::uint32_t result = tee_success;
    switch (static_cast<Category>(arguments[0])) {
    case Category::system:
        millis = system_millis();
        break;
    case Category::ta_persistent:
        if (!ta_offset) {
            return tee_time_not_set;
        }
        millis = system_millis() + ta_offset->millis;
        result = ta_offset->was_ahead && millis >= turn ? tee_overflow : tee_success;
        millis %= turn;
        break;
    case Category::ree:
        millis = millis_of(CLOCK_REALTIME);
        break;
    default:
        return tee_bad_parameters;
    }
    return core.memory.put(arguments[1], to_time(millis)) ? result : tee_access_denied;
}

std::uint32_t set_ta_time(const Core& core, const Arguments& arguments) {
    Time time;
    if (!core.memory.take(arguments[0], time)) {
        return tee_access_denied;
    }
    if (time.millis >= millis_per_second) {
        return tee_bad_parameters;
    }
    const std::uint64_t wanted = std::uint64_t{time.seconds} * millis_per_second + time.millis;
    const std::uint64_t now = system_millis() % turn;
    ta_offset = {.millis = (wanted + turn - now) % turn, .was_ahead = wanted > now};
    return tee_success;
}

std::uint32_t wait(const Core& core, const Arguments& arguments) {
    const std::uint64_t begin = system_millis();
    for (;;) {
        if (core.is_cancelled()) {
            return tee_cancel;
        }
        const std::uint64_t waited = system_millis() - begin;
        if (waited >= arguments[0]) {
            return tee_success;
        }
        const std::uint64_t left =
            std::min<std::uint64_t>(arguments[0] - waited, 0xFFFFFFFF); // TEE_TIMEOUT_INFINITE
        const timespec time{.tv_sec = static_cast<std::time_t>(left / millis_per_second),
                            .tv_nsec = static_cast<long>(left % millis_per_second * 1'000'000)};
        // The one way to sleep that the filter of system calls leaves. Woken by cancellation.
        const std::uint32_t before = core.cancellation_masked ? core.cancelled.load() : 0;
        ::syscall(SYS_futex, &core.cancelled, FUTEX_WAIT, before, &time, nullptr, 0);
    }
}

std::uint32_t get_cancellation_flag(const Core& core, const Arguments& arguments) {
    const std::uint32_t flag = core.is_cancelled() ? 1 : 0;
    return core.memory.put(arguments[0], flag) ? tee_success : tee_access_denied;
}

std::uint32_t mask_cancellation(Core& core, const Arguments& arguments, bool masked) {
    const std::uint32_t old = core.cancellation_masked ? 1 : 0;
    core.cancellation_masked = masked;
    return core.memory.put(arguments[0], old) ? tee_success : tee_access_denied;
}

void request_cancellation(Core& core) {
    core.cancelled = 1;
    ::syscall(SYS_futex, &core.cancelled, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

} // namespace authex::tee::trustzone
