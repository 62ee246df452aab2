#include "tee/process/host/sandbox.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace authex::tee::process {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_AARCH64;
#endif
constexpr std::uint32_t number_offset = offsetof(seccomp_data, nr);
constexpr std::uint32_t machine_offset = offsetof(seccomp_data, arch);
/// The low half of an argument, on a little-endian machine.
constexpr std::uint32_t argument_offset(std::uint32_t index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * index;
}

constexpr sock_filter load(std::uint32_t offset) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
}
/// Skips `otherwise` instructions where the loaded value is another.
constexpr sock_filter unless_equal(std::uint32_t value, std::uint8_t otherwise) {
    return {BPF_JMP | BPF_JEQ | BPF_K, 0, otherwise, value};
}
constexpr sock_filter unless_at_most(std::uint32_t value, std::uint8_t otherwise) {
    return {BPF_JMP | BPF_JGT | BPF_K, otherwise, 0, value};
}
constexpr sock_filter verdict(std::uint32_t action) {
    return {BPF_RET | BPF_K, 0, 0, action};
}

constexpr sock_filter allow = verdict(SECCOMP_RET_ALLOW);
constexpr sock_filter kill = verdict(SECCOMP_RET_KILL_PROCESS);

/// The high half of an argument is not looked at: the kernel takes descriptors and futex
/// operations as 32-bit values.
std::array filter = {
    load(machine_offset),
    unless_equal(own_machine, 1),
    load(number_offset),
    unless_equal(SYS_write, 4), // also where the machine is another: that value is no call of ours
    load(argument_offset(0)),
    unless_at_most(answer_descriptor, 1),
    allow,
    kill,
    unless_equal(SYS_futex, 4),
    load(argument_offset(1)),
    unless_equal(FUTEX_WAIT, 1),
    allow,
    kill,
    unless_equal(SYS_close, 4),
    load(argument_offset(0)),
    unless_equal(answer_descriptor, 1),
    allow,
    kill,
    unless_equal(SYS_sched_yield, 1),
    allow,
    unless_equal(SYS_exit_group, 1),
    allow,
    unless_equal(SYS_mprotect, 1),
    kill, // allowed where traps change the rights to pages
    unless_equal(SYS_ioctl, 4),
    load(argument_offset(0)),
    unless_equal(device_descriptor, 1),
    kill, // allowed where there is a device
    kill,
    unless_equal(SYS_rt_sigreturn, 1),
    kill, // allowed where there are traps
    kill,
};
// Where the verdicts stand that depend.
constexpr std::size_t pages_verdict = filter.size() - 9;
constexpr std::size_t device_verdict = filter.size() - 5;
constexpr std::size_t traps_verdict = filter.size() - 2;

bool limit(__rlimit_resource resource, rlim_t value) {
    const rlimit both{.rlim_cur = value, .rlim_max = value};
    return ::setrlimit(resource, &both) == 0;
}

} // namespace

bool leave_only(int doorbell, int device, int memory) {
    const unsigned left = memory >= 0   ? memory_descriptor
                          : device >= 0 ? device_descriptor
                                        : answer_descriptor;
    return ::dup2(doorbell, doorbell_descriptor) >= 0 &&
           (device < 0 || ::dup2(device, device_descriptor) >= 0) &&
           (memory < 0 || ::dup2(memory, memory_descriptor) >= 0) &&
           ::close_range(left + 1, ~0U, 0) == 0;
}

bool confine(int doorbell, Debugged debugged, Traps traps, int device, int memory) {
    if (!leave_only(doorbell, device, memory)) {
        return false;
    }
    const bool limited = limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, 2) &&
                         limit(RLIMIT_NPROC, 0) && limit(RLIMIT_FSIZE, 0) &&
                         limit(RLIMIT_MEMLOCK, 0);
    filter[traps_verdict] = traps == Traps::no ? kill : allow;
    filter[pages_verdict] = traps == Traps::with_pages ? allow : kill;
    filter[device_verdict] = device >= 0 ? allow : kill;
    const sock_fprog program{.len = filter.size(), .filter = filter.data()};
    return limited && (debugged == Debugged::yes || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) &&
           ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace authex::tee::process
