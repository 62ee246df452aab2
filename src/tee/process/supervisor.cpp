#include "tee/process/supervisor.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "tee/process/process_record.hpp"

namespace authex::tee::process {
namespace {

/// The end of the module, once it is there.
void wait_for(pid_t module, ProcessRecord& record) {
    int status = 0;
    while (::waitpid(module, &status, 0) < 0) {
        if (errno != EINTR) {
            return;
        }
    }
    record.state = WIFSIGNALED(status) ? State::signalled : State::exited;
    record.code =
        static_cast<std::uint8_t>(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

[[noreturn]] void watch(pid_t module, int file, ProcessRecord& record) {
    record.module = static_cast<std::uint32_t>(module);
    if (!write_record(file, record)) {
        ::kill(module, SIGKILL);
        refuse_start("module-files", "cannot write the process record");
    }
    for (const int inherited : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        ::close(inherited);
    }
    wait_for(module, record);
    write_record(file, record);
    ::_exit(0);
}

} // namespace

void refuse_start(const char* code, const char* reason) {
    ::dprintf(STDOUT_FILENO, "%s: %s", code, reason);
    ::_exit(1);
}

void supervise(const std::array<std::uint8_t, 32>& image) {
    ::setsid();
    ProcessRecord record{.boot = this_boot(),
                         .image = image,
                         .supervisor = static_cast<std::uint32_t>(::getpid()),
                         .started = stat_of(::getpid(), StatField::start_time)};
    const int file = ::open("process", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || !write_record(file, record)) {
        refuse_start("module-files", "cannot write the process record");
    }
    const pid_t supervisor = ::getpid();
    const pid_t module = ::fork();
    if (module < 0) {
        refuse_start("host-failed", ::strerrordesc_np(errno));
    }
    if (module != 0) {
        watch(module, file, record);
    }
    ::close(file);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != supervisor) {
        ::_exit(1); // it died before the kernel knew what that means
    }
}

} // namespace authex::tee::process
