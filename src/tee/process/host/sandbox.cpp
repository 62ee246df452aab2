#include "tee/process/host/sandbox.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tee/process/host/filter.hpp"

namespace authex::tee::process {
namespace {

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
    unless_equal(SYS_clock_gettime, 1), // where the kernel's page for it does not suffice
    allow,
    unless_equal(SYS_msync, 1), // of what is kept of the module's state
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
    if_equal(SYS_pread64, 3),
    if_equal(SYS_pwrite64, 2),
    if_equal(SYS_fdatasync, 1),
    unless_equal(SYS_flock, 3),
    load(argument_offset(0)),
    unless_equal(storage_descriptor, 1),
    kill, // allowed where there is a storage
    kill,
};
// Where the verdicts stand that depend.
constexpr std::size_t pages_verdict = filter.size() - 16;
constexpr std::size_t device_verdict = filter.size() - 12;
constexpr std::size_t traps_verdict = filter.size() - 9;
constexpr std::size_t storage_verdict = filter.size() - 2;

bool limit(__rlimit_resource resource, rlim_t value) {
    const rlimit both{.rlim_cur = value, .rlim_max = value};
    return ::setrlimit(resource, &both) == 0;
}

} // namespace

bool leave_only(int doorbell, const OfTee& tee) {
    static_assert(memory_descriptor == storage_descriptor);
    const int last = tee.memory >= 0 ? tee.memory : tee.storage;
    const unsigned left = last >= 0 ? memory_descriptor : device_descriptor;
    if (tee.device < 0) {
        ::close(device_descriptor);
    }
    return ::dup2(doorbell, doorbell_descriptor) >= 0 &&
           (tee.device < 0 || ::dup2(tee.device, device_descriptor) >= 0) &&
           (last < 0 || ::dup2(last, memory_descriptor) >= 0) &&
           ::close_range(left + 1, ~0U, 0) == 0;
}

bool confine(int doorbell, Debugged debugged, Traps traps, const OfTee& tee) {
    if (!leave_only(doorbell, tee)) {
        return false;
    }
    const bool limited = limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, 2) &&
                         limit(RLIMIT_NPROC, 0) && limit(RLIMIT_FSIZE, tee.bytes_max) &&
                         limit(RLIMIT_MEMLOCK, 0);
    filter[traps_verdict] = traps == Traps::no ? kill : allow;
    filter[pages_verdict] = traps == Traps::with_pages ? allow : kill;
    filter[device_verdict] = tee.device >= 0 ? allow : kill;
    filter[storage_verdict] = tee.storage >= 0 ? allow : kill;
    const sock_fprog program{.len = filter.size(), .filter = filter.data()};
    return limited && (debugged == Debugged::yes || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) &&
           ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace authex::tee::process
