#include "tee/trustzone/host/library_sandbox.hpp"

#include <array>
#include <cerrno>
#include <sched.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tee/process/host/filter.hpp"

namespace authex::tee::trustzone {
namespace {

using process::allow;
using process::load;
using process::unless_equal;
using process::verdict;

/// Those whose arguments do not matter.
constexpr std::array allowed = {
    // what is open
    SYS_ioctl,
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_fstat,
    SYS_flock,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ppoll,
    SYS_close,
#if defined(SYS_poll)
    SYS_poll,
#endif
    // memory
    SYS_munmap,
    SYS_mremap,
    SYS_brk,
    SYS_madvise,
    SYS_msync,
    // threads, signals, time
    SYS_futex,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_membarrier,
    SYS_gettid,
    SYS_getpid,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_exit,
    SYS_exit_group,
};

constexpr sock_filter refuse = verdict(SECCOMP_RET_ERRNO | EPERM);
/// Skips `otherwise` instructions where the loaded value has none of these bits.
constexpr sock_filter unless_any(std::uint32_t bits, std::uint8_t otherwise) {
    return {BPF_JMP | BPF_JSET | BPF_K, 0, otherwise, bits};
}

constexpr std::array begin = {
    load(process::machine_offset),
    unless_equal(process::own_machine, 1),
    load(process::number_offset), // where the machine is another: that value is no call of ours
};
/// The C library takes clone() where this one is not there, and says its flags in a register.
constexpr std::array end = {
    unless_equal(SYS_clone3, 1),
    verdict(SECCOMP_RET_ERRNO | ENOSYS),
    unless_equal(SYS_clone, 4),
    load(process::argument_offset(0)),
    unless_any(CLONE_THREAD, 1),
    allow,
    refuse,
    process::if_equal(SYS_mmap, 1),
    unless_equal(SYS_mprotect, 3),
    load(process::argument_offset(2)),
    unless_any(PROT_EXEC, 2),
    refuse,
    refuse,
    allow,
};

constexpr auto make_filter() {
    std::array<sock_filter, begin.size() + 2 * allowed.size() + end.size()> filter{};
    std::size_t at = 0;
    for (const sock_filter& one : begin) {
        filter[at++] = one;
    }
    for (const long call : allowed) {
        filter[at++] = unless_equal(static_cast<std::uint32_t>(call), 1);
        filter[at++] = allow;
    }
    for (const sock_filter& one : end) {
        filter[at++] = one;
    }
    return filter;
}

} // namespace

bool confine_with_library() {
    auto filter = make_filter();
    const sock_fprog program{.len = filter.size(), .filter = filter.data()};
    const rlimit nothing{};
    return ::setrlimit(RLIMIT_CORE, &nothing) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
               0;
}

} // namespace authex::tee::trustzone
